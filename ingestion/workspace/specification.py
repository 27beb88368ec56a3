"""What a connector's own specification says about its settings, before anything is connected.

References stand for values that are not known yet, so only names are compared here; the connector
itself checks the values when it is used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.workspace.references import is_reference

Schema = Mapping[str, Any]

_SOUNDS_SECRET = re.compile(
    r"pass(word|phrase|wd)|secret|token|api_?key|private_?key|access_?key|credential(?!s$)",
    re.IGNORECASE,
)
_MOST_REFERENCES = 20  # `$ref` to `$ref`


def setting_problems(schema: Schema, settings: Mapping[str, Any]) -> list[str]:
    """What is missing, and what no connector of this kind knows, a sentence each."""
    known = schema.get("properties", {})
    problems = [f"the setting `{name}` is missing" for name in missing_settings(schema, settings)]
    if schema.get("additionalProperties") is False:
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(known)}"
                problems.append(f"there is no setting `{name}`{hint}")
    return problems


def missing_settings(schema: Schema, settings: Mapping[str, Any]) -> dict[str, bool]:
    """The required settings that are not given, each with whether it is a secret."""
    properties = schema.get("properties", {})
    return {
        name: bool(properties.get(name, {}).get("airbyte_secret"))
        for name in schema.get("required", ())
        if name not in settings
    }


def plain_secrets(schema: Schema | None, settings: Mapping[str, Any]) -> list[str]:
    """The settings that are secrets and stand there in clear, by dotted name.

    Without a schema, those count as secret whose name sounds like it.
    """
    if schema is None:
        return sorted(set(_sounding_secret(settings, ())))
    return sorted(
        {
            ".".join(path)
            for path, value in secret_values(schema, settings)
            if not is_reference(value)
        }
    )


def masked(schema: Schema | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings to be shown: `***` for what is secret, and without a schema for every text that
    is no reference."""
    hidden = None if schema is None else {path for path, _ in secret_values(schema, settings)}

    def shown(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {name: shown(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [shown(inner, path) for inner in value]
        secret = isinstance(value, str) if hidden is None else path in hidden
        return "***" if secret and not is_reference(value) else value

    return {name: shown(value, (name,)) for name, value in settings.items()}


def secret_values(schema: Schema, settings: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and the value of each given setting that the specification marks as secret."""
    yield from _secrets(schema, settings, (), schema)


def _secrets(
    schema: Any, value: Any, path: tuple[str, ...], root: Schema
) -> Iterator[tuple[tuple[str, ...], Any]]:
    schema = _followed(schema, root)
    if not isinstance(schema, Mapping):
        return
    if schema.get("airbyte_secret"):
        yield from _leaves(value, path)
        return
    # A value may fit several alternatives: what is secret in one of them is secret.
    for alternatives in ("oneOf", "anyOf", "allOf"):
        for each in schema.get(alternatives, ()):
            yield from _secrets(each, value, path, root)
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        for name, inner in value.items():
            described = properties.get(name, schema.get("additionalProperties"))
            yield from _secrets(described, inner, (*path, name), root)
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(schema.get("items"), inner, path, root)


def _followed(schema: Any, root: Schema) -> Any:
    for _ in range(_MOST_REFERENCES):
        target = schema.get("$ref") if isinstance(schema, Mapping) else None
        if not isinstance(target, str) or not target.startswith("#/"):
            return schema
        schema = root
        for part in target.removeprefix("#/").split("/"):
            schema = schema.get(part) if isinstance(schema, Mapping) else None
    return None


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif value is not None and value != "":
        yield path, value


def _sounding_secret(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    for leaf, found in _leaves(value, path):
        sounds = any(_SOUNDS_SECRET.search(part) for part in leaf)
        if sounds and not isinstance(found, bool) and not is_reference(found):
            yield ".".join(leaf)

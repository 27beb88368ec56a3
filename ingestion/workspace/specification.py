"""What a connector's own specification says about its settings, before anything is connected.

References stand for values that are not known yet, so only names are compared here; the connector
itself checks the values when it is used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ingestion.workspace.references import is_reference

Schema = Mapping[str, Any]

_SOUNDS_SECRET = re.compile(
    r"pass(word|phrase|wd)|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credential(?!s$)",
    re.IGNORECASE,
)
# `--token-file`, `--password-env`: they say where a secret is.
_SOUNDS_LIKE_A_PLACE = re.compile(r"(file|path|dir|env|url|name)$", re.IGNORECASE)
_HIDDEN = "***"
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
    """The settings that are secrets and stand there in clear, by dotted name."""
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
    hidden = {path for path, _ in secret_values(schema, settings)}

    def shown(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {name: shown(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [shown(inner, path) for inner in value]
        secret = path in hidden or (schema is None and isinstance(value, str))
        return _HIDDEN if secret and not is_reference(value) else value

    return {name: shown(value, (name,)) for name, value in settings.items()}


def masked_command(command: Iterable[str]) -> list[str]:
    """The words to be shown: `***` for what follows a name that sounds secret, as in `--token=x`
    and `--token x`."""
    shown: list[str] = []
    follows = False
    for word in command:
        name, equals, value = word.partition("=")
        secret = _SOUNDS_SECRET.search(name) and not _SOUNDS_LIKE_A_PLACE.search(name)
        if follows and not word.startswith("-"):
            shown.append(_HIDDEN)
        else:
            shown.append(f"{name}={_HIDDEN}" if secret and value else word)
        follows = bool(secret and not equals and word.startswith("-"))
    return shown


def secret_values(
    schema: Schema | None, settings: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and the value of each given setting that is a secret: as the specification marks it,
    or by the sound of its name where the specification does not name it."""
    described = set()
    for path, value, secret in _described(schema or {}, settings):
        described.add(path)
        if secret:
            yield path, value
    for path, value in _leaves(settings, ()):
        sounds = any(_SOUNDS_SECRET.search(part) for part in path)
        if sounds and path not in described and not isinstance(value, bool):
            yield path, value


def _described(
    root: Schema, settings: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """The path and the value of each setting that the specification names or marks as secret, and
    whether it is marked."""
    todo: list[tuple[Any, Any, tuple[str, ...], bool]] = [(root, settings, (), False)]
    # A part may lead to itself, and by several ways: it says the same of a value each time.
    done: set[tuple[int, int, tuple[str, ...], bool]] = set()
    while todo:
        part, value, path, named = todo.pop()
        schema = _followed(part, root)
        visit = (id(schema), id(value), path, named)
        if not isinstance(schema, Mapping) or visit in done:
            continue
        done.add(visit)
        if schema.get("airbyte_secret"):
            yield from ((leaf, found, True) for leaf, found in _leaves(value, path))
            continue
        # A value may fit several alternatives: what is secret in one of them is secret.
        for alternatives in ("oneOf", "anyOf", "allOf"):
            todo += [(each, value, path, named) for each in schema.get(alternatives, ())]
        if isinstance(value, Mapping):
            properties = schema.get("properties", {})
            others = schema.get("additionalProperties")
            todo += [
                (properties.get(name, others), inner, (*path, name), name in properties)
                for name, inner in value.items()
            ]
        elif isinstance(value, list):
            todo += [(schema.get("items"), inner, path, named) for inner in value]
        elif named:
            yield path, value, False


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

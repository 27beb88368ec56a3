"""A connector's manifest, completed with what the CDK leaves open.

The CDK applies no timeout unless a requester names one, and none at all when it fetches an OAuth
token; a request without a timeout can hold a worker for ever. It finds the records of a page by
walking through all of it, and reads a page that repeats for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import (
    ManifestComponentTransformer,
)
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import (
    ManifestReferenceResolver,
)
from jsonschema import Draft7Validator

from index.errors import ConfigurationError
from ingestion.airbyte.extractor import PathExtractor
from ingestion.airbyte.oauth import CONNECT_SECONDS, READ_SECONDS, OAuthWithTimeout
from ingestion.airbyte.pagination import (
    WatchfulCursor,
    WatchfulOffsetIncrement,
    WatchfulPageIncrement,
)

CONNECTORS = Path(__file__).parent.parent / "connectors"

_CONNECTOR = re.compile(r"[\w-]+")  # no way out of the folder

_OAUTH_CLASS = f"{OAuthWithTimeout.__module__}.{OAuthWithTimeout.__qualname__}"
_EXTRACTOR_CLASS = f"{PathExtractor.__module__}.{PathExtractor.__qualname__}"
_PAGINATION_CLASSES = {
    kind: f"{strategy.__module__}.{strategy.__qualname__}"
    for kind, strategy in (
        ("CursorPagination", WatchfulCursor),
        ("PageIncrement", WatchfulPageIncrement),
        ("OffsetIncrement", WatchfulOffsetIncrement),
    )
}
_OUR_CLASSES = (_OAUTH_CLASS, _EXTRACTOR_CLASS, *_PAGINATION_CLASSES.values())


@cache
def load_manifest(connector: str) -> Mapping[str, Any]:
    """The shipped manifest of a connector, resolved and completed; do not change it.

    Raises ConfigurationError when there is no such connector.
    """
    path = CONNECTORS / connector / "manifest.yaml"
    if not _CONNECTOR.fullmatch(connector) or not path.is_file():
        known = ", ".join(
            sorted(folder.parent.name for folder in CONNECTORS.glob("*/manifest.yaml"))
        )
        raise ConfigurationError(f"There is no connector {connector!r}; there are {known}.")
    return read_manifest(path)


def read_manifest(path: Path) -> Mapping[str, Any]:
    """A manifest from a file, resolved and completed.

    Raises ConfigurationError when it cannot be read, and when it has Python code of its own: that
    would run with all that this process knows.
    """
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("type") != "DeclarativeSource":
        raise ConfigurationError(f"{path} is no manifest: it has no `type: DeclarativeSource`.")
    # What is null is left out, at this level at least.
    manifest = {name: part for name, part in manifest.items() if part is not None}
    spec = manifest.get("spec", {})
    if not isinstance(spec, Mapping) or not isinstance(
        spec.get("connection_specification", {}), Mapping
    ):
        raise ConfigurationError(f"{path} cannot be used: its spec is not as the CDK wants it.")
    if (path.parent / "components.py").exists():
        raise _foreign(str(path), "components.py")
    refuse_foreign_code(manifest, str(path))
    try:
        resolved = ManifestReferenceResolver().preprocess_manifest(manifest)
        typed = ManifestComponentTransformer().propagate_types_and_parameters("", resolved, {})
    except Exception as error:
        # The CDK raises what it finds: KeyError, ValueError, errors of its own.
        raise ConfigurationError(f"{path} cannot be used: {error}") from error
    completed: Mapping[str, Any] = _completed(typed)
    return completed


def refuse_foreign_code(manifest: Any, place: str) -> None:
    """Raise ConfigurationError when a part of a manifest asks for code that is not ours or the
    CDK's: the CDK imports and calls whatever a `class_name` names."""
    waiting = [manifest]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if "class_name" in part and part["class_name"] not in _OUR_CLASSES:
                raise _foreign(place, str(part["class_name"]))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _foreign(place: str, code: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place} has Python code of its own ({code}), which is not run in this process. Use the"
        " connector as a process: a source with `package`, `command` or `image`."
    )


def documented_limit(manifest: Mapping[str, Any], base_url: str) -> int | None:
    """How many requests a minute the vendor allows, by the host: under `metadata` the manifest may
    have `requests_per_minute: {"*.zendesk.com": 200}`. Other hosts have limits of their own."""
    host = urlsplit(base_url).hostname or ""
    limits = manifest.get("metadata", {}).get("requests_per_minute", {})
    return next((int(limit) for name, limit in limits.items() if fnmatchcase(host, name)), None)


def check_settings(manifest: Mapping[str, Any], settings: Mapping[str, Any], place: str) -> None:
    """Compare settings with the connector's own specification.

    Raises ConfigurationError naming the setting and what it must be, never its value.
    """
    schema = manifest.get("spec", {}).get("connection_specification", {})
    problems = []
    for error in Draft7Validator(schema).iter_errors(dict(settings)):
        where = ".".join(str(part) for part in error.absolute_path) or "settings"
        match error.validator:
            case "required":
                missing = sorted(set(error.validator_value) - set(error.instance))
                problems.append(f"{', '.join(missing)} is missing")
            case "additionalProperties":
                unknown = sorted(set(error.instance) - set(schema.get("properties", {})))
                problems.append(f"{', '.join(unknown)} is unknown")
            case _:
                problems.append(f"{where} must have {error.validator} {error.validator_value!r}")
    if problems:
        known = ", ".join(schema.get("properties", {}))
        raise ConfigurationError(f"{place}: {'; '.join(problems)}. Settings are {known}.")


def _completed(component: Any) -> Any:
    if isinstance(component, list):
        return [_completed(item) for item in component]
    if not isinstance(component, Mapping):
        return component
    completed = {name: _completed(value) for name, value in component.items()}
    kind = completed.get("type")
    if kind == "HttpRequester":
        completed.setdefault("connect_timeout_in_seconds", CONNECT_SECONDS)
        completed.setdefault("read_timeout_in_seconds", READ_SECONDS)
    # The single-use variant writes new tokens back into the settings; it stays the CDK's own.
    if kind == "OAuthAuthenticator" and "refresh_token_updater" not in completed:
        completed |= {"type": "CustomAuthenticator", "class_name": _OAUTH_CLASS}
        completed.setdefault("$parameters", {})
    # Without a path it is left to the CDK to refuse.
    if kind == "DpathExtractor" and "*" not in completed.get("field_path", "*"):
        completed |= {"type": "CustomRecordExtractor", "class_name": _EXTRACTOR_CLASS}
        completed.setdefault("$parameters", {})
    # In a JSON schema, a type may be a list.
    if isinstance(kind, str) and kind in _PAGINATION_CLASSES:
        completed |= {
            "type": "CustomPaginationStrategy",
            "class_name": _PAGINATION_CLASSES[kind],
        }
        completed.setdefault("$parameters", {})
    return completed

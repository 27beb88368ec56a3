"""A connector's manifest, completed with what the CDK leaves open.

The CDK applies no timeout unless a requester names one, and none at all when it fetches an OAuth
token; a request without a timeout can hold a worker for ever. And it finds the records of a page by
walking through all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

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

CONNECTORS = Path(__file__).parent.parent / "connectors"

_OAUTH_CLASS = f"{OAuthWithTimeout.__module__}.{OAuthWithTimeout.__qualname__}"
_EXTRACTOR_CLASS = f"{PathExtractor.__module__}.{PathExtractor.__qualname__}"


@cache
def load_manifest(connector: str) -> Mapping[str, Any]:
    """The shipped manifest of a connector, resolved and completed; do not change it.

    Raises ConfigurationError when there is no such connector.
    """
    path = CONNECTORS / connector / "manifest.yaml"
    if not path.is_file():
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
    if foreign := _foreign_code(manifest, path):
        raise ConfigurationError(
            f"{path} has Python code of its own ({foreign}), which is not run in this process. Use"
            " the connector as a process: a source with `package`, `command` or `image`."
        )
    try:
        resolved = ManifestReferenceResolver().preprocess_manifest(manifest)
        typed = ManifestComponentTransformer().propagate_types_and_parameters("", resolved, {})
    except Exception as error:
        # The CDK raises what it finds: KeyError, ValueError, errors of its own.
        raise ConfigurationError(f"{path} cannot be used: {error}") from error
    completed: Mapping[str, Any] = _completed(typed)
    return completed


def _foreign_code(manifest: Any, path: Path) -> str | None:
    """Where a manifest asks for code that does not come with the CDK, None when it does not."""
    if (path.parent / "components.py").exists():
        return "components.py"
    waiting = [manifest]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if "class_name" in part:
                return str(part["class_name"])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return None


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
    if kind == "DpathExtractor" and "*" not in completed["field_path"]:
        completed |= {"type": "CustomRecordExtractor", "class_name": _EXTRACTOR_CLASS}
        completed.setdefault("$parameters", {})
    return completed

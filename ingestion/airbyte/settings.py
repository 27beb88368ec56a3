"""Whether a source has the settings that its connector wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft7Validator

from index.errors import ConfigurationError


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

"""Which sources there are: a strict YAML file that names secrets instead of holding them.

sources:
  zendesk-emea:
    connector: zendesk
    settings:
      base_url: https://acme.zendesk.com
      email: env:ZENDESK_EMAIL
      api_token: env:ZENDESK_TOKEN
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from index.errors import ConfigurationError

_FROM_ENVIRONMENT = "env:"


@dataclass(frozen=True)
class SourceConfig:
    """One configured source. Its settings hold credentials, so they are never part of its repr."""

    name: str
    connector: str
    settings: Mapping[str, object] = field(repr=False)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Source(_Strict):
    connector: str
    settings: dict[str, Any]


class _SourcesFile(_Strict):
    sources: dict[str, _Source]


def load_sources(path: Path) -> tuple[SourceConfig, ...]:
    """Read the sources file and fetch `env:NAME` values from the environment.

    Raises ConfigurationError naming the file, the source and the variable, never a value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        # The parser's own message quotes the line, which may hold a credential.
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigurationError(f"{path}{place}: this is not valid YAML.") from None
    try:
        file = _SourcesFile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_problems(error)}") from None
    return tuple(
        SourceConfig(
            name=name,
            connector=given.connector,
            settings={
                key: _resolved(value, f"{path}: source {name!r}, setting {key!r}")
                for key, value in given.settings.items()
            },
        )
        for name, given in file.sources.items()
    )


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_input=False)
    )


def _resolved(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolved(inner, f"{place}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, place) for inner in value]
    if isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT):
        variable = value.removeprefix(_FROM_ENVIRONMENT)
        found = os.environ.get(variable)
        if not found:
            raise ConfigurationError(
                f"{place} comes from the environment variable {variable}, which is not set. Set it,"
                " then start again."
            )
        return found
    return value

"""A connector's manifest: where it is read from, and what it says of its vendor's limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from index.errors import ConfigurationError
from index.yaml_text import read_yaml

CONNECTORS = Path(__file__).parent.parent / "connectors"

_CONNECTOR = re.compile(r"[\w-]+")  # no way out of the folder


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
        manifest = read_yaml(path.read_text(encoding="utf-8"))
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
    # Only here, because it brings the CDK along.
    from ingestion.airbyte.completion import complete

    return complete(manifest, path)


def documented_limit(manifest: Mapping[str, Any], base_url: str) -> int | None:
    """How many requests a minute the vendor allows, by the host: under `metadata` the manifest may
    have `requests_per_minute: {"*.zendesk.com": 200}`. Other hosts have limits of their own."""
    host = urlsplit(base_url).hostname or ""
    limits = manifest.get("metadata", {}).get("requests_per_minute", {})
    return next((int(limit) for name, limit in limits.items() if fnmatchcase(host, name)), None)

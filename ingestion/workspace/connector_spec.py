"""Where a connector's specification of its settings is read from, without connecting anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from index.errors import ConfigurationError
from ingestion.airbyte.connector import ConnectorError
from ingestion.airbyte.launch import prepare_launch
from ingestion.airbyte.manifest import load_manifest, read_manifest
from ingestion.airbyte.origin import Origin
from ingestion.airbyte.process_connector import ProcessConnector
from ingestion.workspace.specification import Schema


def connector_spec(origin: Origin, home: Path) -> Schema | None:
    """The JSON schema of the settings; None where the connector cannot be run here.

    Raises ConfigurationError when there is no such connector, or its manifest cannot be read.
    """
    if origin.connector is not None:
        return _of_manifest(load_manifest(origin.connector))
    if origin.manifest is not None:
        return _of_manifest(read_manifest(origin.manifest))
    try:
        return ProcessConnector(partial(prepare_launch, origin, home), {}).specification() or None
    except (ConnectorError, ConfigurationError):
        # Not installed here, perhaps: `remit source check` says why, where it matters.
        return None


def _of_manifest(manifest: Mapping[str, Any]) -> Schema | None:
    schema = manifest.get("spec", {}).get("connection_specification")
    return schema if isinstance(schema, dict) else None

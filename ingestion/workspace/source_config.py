"""A source, ready to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.airbyte.origin import Origin


@dataclass(frozen=True)
class SourceConfig:
    """One configured source, with its secrets in clear; so its settings are never part of its repr.

    Of its streams only `streams` are read, None for all.
    """

    name: str
    connector: str
    settings: Mapping[str, object] = field(repr=False)
    origin: Origin = field(kw_only=True)
    streams: tuple[str, ...] | None = None
    requests_per_minute: int | None = None  # None: what the connector knows of its vendor
    home: Path = Path(".remit")  # connectors that were installed are below it

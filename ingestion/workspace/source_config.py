"""A source, ready to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.airbyte.origin import Origin


@dataclass(frozen=True)
class SourceConfig:
    """One configured source, with its secrets in clear; so its settings are never part of its repr.

    Of its streams only `streams` are read, None for all. Without an `origin` the connector is the
    shipped one of that name.
    """

    name: str
    connector: str
    settings: Mapping[str, object] = field(repr=False)
    origin: Origin = None  # type: ignore[assignment]  # filled in from the connector
    streams: tuple[str, ...] | None = None
    home: Path = Path(".remit")  # connectors that were installed are below it

    def __post_init__(self) -> None:
        if self.origin is None:
            object.__setattr__(self, "origin", Origin(connector=self.connector))

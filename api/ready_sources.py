"""The sources in force, made ready to be read."""

from __future__ import annotations

from api.settings import Settings
from api.sources import find_sources
from index.database import Database
from ingestion.source import Source
from semantic_layer import Model


def open_sources(settings: Settings, database: Database, model: Model) -> tuple[Source, ...]:
    """The sources in force. Raises ConfigurationError for the first that cannot be used."""
    found = find_sources(settings, database)
    return tuple(Source(found.config(name), model.specs) for name in found.entries)


def find_source(settings: Settings, database: Database, model: Model, name: str) -> Source:
    """A source as it is configured at this moment. Raises ConfigurationError when it is not."""
    found = find_sources(settings, database)
    return Source(found.config(name), model.specs)

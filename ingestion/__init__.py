"""Getting data in: connectors, syncs, and live reads of what must be fresh."""

from __future__ import annotations

from ingestion.airbyte import root_logger  # noqa: F401  before anything imports the CDK
from ingestion.configuration import SourceConfig, load_sources
from ingestion.live.sources import LiveSources
from ingestion.source import Source, SourceError
from ingestion.sync.job import sync_source
from ingestion.sync.report import Progress, StreamReport, SyncReport
from ingestion.sync.runs import SyncInProgress

__all__ = [
    "LiveSources",
    "Progress",
    "Source",
    "SourceConfig",
    "SourceError",
    "StreamReport",
    "SyncInProgress",
    "SyncReport",
    "load_sources",
    "sync_source",
]

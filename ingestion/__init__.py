"""Getting data in: connectors, syncs, and live reads of what must be fresh."""

from __future__ import annotations

from ingestion import root_logger  # noqa: F401  before anything imports the CDK
from ingestion.configuration import SourceConfig, load_sources
from ingestion.live import LiveSources
from ingestion.report import Progress, StreamReport, SyncReport
from ingestion.runs import SyncInProgress
from ingestion.source import Source, SourceError
from ingestion.sync import sync_source

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

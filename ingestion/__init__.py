"""Getting data in: connectors, syncs, and live reads of what must be fresh."""

from __future__ import annotations

from ingestion.airbyte import root_logger  # noqa: F401  before anything imports the CDK
from ingestion.erasure import Receipt, erase
from ingestion.live.sources import LiveSources
from ingestion.source import Source, SourceError
from ingestion.sync.job import sync_source
from ingestion.sync.replay import RejectedRecord, Replayed, rejected, replay
from ingestion.sync.report import Progress, StreamReport, SyncReport
from ingestion.sync.reproject import Reprojected, reproject
from ingestion.sync.runs import SyncInProgress
from ingestion.sync.stream_sync import SyncStopped
from ingestion.workspace.in_force import SourcesInForce, sources_in_force
from ingestion.workspace.source_config import SourceConfig

__all__ = [
    "LiveSources",
    "Progress",
    "Receipt",
    "RejectedRecord",
    "Replayed",
    "Reprojected",
    "Source",
    "SourceConfig",
    "SourceError",
    "SourcesInForce",
    "StreamReport",
    "SyncInProgress",
    "SyncReport",
    "SyncStopped",
    "erase",
    "rejected",
    "replay",
    "reproject",
    "sources_in_force",
    "sync_source",
]

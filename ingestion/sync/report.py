"""What a sync did, for people, for the sync_run table and for the next decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Progress:
    """How far a sync is, told after each batch."""

    source: str
    stream: str
    read: int
    written: int


@dataclass(kw_only=True)
class StreamReport:
    """What became of the records of one stream; it grows while the stream is read."""

    stream: str
    read: int = 0
    written: int = 0  # new or changed
    unchanged: int = 0
    deleted: int = 0  # of those written, how many the source says are gone
    rejected: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: str | None = None  # why it broke off; what was written before stays
    suspicion: str | None = None  # why its silence is not taken for completeness

    @property
    def complete(self) -> bool:
        """Whether the stream was read to its end, so that its rows count as fresh."""
        return self.error is None and self.suspicion is None


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What a sync did, stream by stream."""

    source: str
    run_id: UUID
    started_at: datetime
    finished_at: datetime
    streams: tuple[StreamReport, ...]

    @property
    def complete(self) -> bool:
        """Whether every stream was read to its end."""
        return all(stream.complete for stream in self.streams)

    def stream(self, name: str) -> StreamReport:
        """The report of one stream; KeyError when it was not part of the sync."""
        for stream in self.streams:
            if stream.stream == name:
                return stream
        raise KeyError(name)

    def as_json(self) -> dict[str, Any]:
        """The streams by name, as stored with the run."""
        return {stream.stream: asdict(stream) for stream in self.streams}

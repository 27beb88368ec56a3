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
    unchanged: int = 0
    rejected: int = 0


@dataclass(kw_only=True)
class StreamReport:
    """What became of the records of one stream; it grows while the stream is read."""

    stream: str
    read: int = 0
    written: int = 0  # new or changed
    unchanged: int = 0
    deleted: int = 0  # the source says that they are gone, or a whole read no longer brought them
    rejected: int = 0
    seconds: float = 0.0
    waited: float = 0.0  # seconds of them, because the requests were used up that the source allows
    warnings: list[str] = field(default_factory=list)
    new_fields: list[str] = field(default_factory=list)  # top-level names that never came before
    error: str | None = None  # why it broke off; what was written before stays
    suspicion: str | None = None  # why its silence is not taken for completeness
    reconciled: bool = False  # what is held was compared with all that there is
    reconcile_problem: str | None = None  # why it was not, though it was to be
    left: str | None = None  # to which run it was left, so that this one did not read it

    @property
    def complete(self) -> bool:
        """Whether the stream was read to its end, so that its rows count as fresh."""
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """Why it does not count as fresh, with what the source said about it."""
        if self.left is not None:
            return f"it is being synced by {self.left}, and was left to it"
        if self.error is not None or self.suspicion is None:
            return self.error
        return f"{self.suspicion}. It said: {self.warnings[0]}" if self.warnings else self.suspicion

    @property
    def remarks(self) -> list[str]:
        """All that a person should read, as sentences."""
        said = [] if self.left is None else [str(self.problem)]
        said += [text for text in (self.error, self.suspicion) if text] + self.warnings
        if self.waited:
            said.append(f"it waited {self.waited:.0f} s: its requests a minute were used up")
        if self.new_fields:
            names = ", ".join(self.new_fields)
            said.append(f"new fields came, and are kept with the record: {names}")
        if self.rejected:
            said.append(f"{self.rejected:,} records were set aside: remit source rejected list")
        return said


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

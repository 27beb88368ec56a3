"""The seam to the sources: what shall be read live, and what could not be.

The semantic layer says what it wants; ingestion, a room above, knows how to get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Wanted:
    """Something to read from its source now: one record, or with `children` the rows under it."""

    source: str
    stream: str  # of the record
    remote_id: str
    children: str | None = None  # the entity whose rows belong to the record


@dataclass(frozen=True)
class Failure:
    """What could not be read, and why, in one plain sentence without payload or secret."""

    wanted: Wanted
    reason: str


class LiveReader(Protocol):
    """Reads from the sources and writes through to the index; implemented by ingestion."""

    async def refresh(self, tenant: str, wanted: Sequence[Wanted]) -> Sequence[Failure]:
        """Read what is wanted; what is not among the failures is now as the source has it."""
        ...

"""Which of the streams that a job wants no other run has in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from index.database import Database
from index.tables import stream_state
from ingestion.sync.runs import SyncInProgress, hold_free


@dataclass(frozen=True)
class FreeStreams:
    """Streams that this job alone may sync, and those that are left to another run.

    The run is None where it has not come to the stream yet.
    """

    names: Sequence[str]
    left: Mapping[str, UUID | None]
    release: Callable[[str], None]  # lets go of one early


@contextmanager
def free_streams(
    database: Database, tenant: str, source: str, wanted: Sequence[str]
) -> Iterator[FreeStreams]:
    """Hold the right to sync those of the streams that are free.

    Raises SyncInProgress when none is, so also when the only one that is wanted is taken.
    """
    with hold_free(database, tenant, source, wanted) as held:
        taken = [name for name in wanted if name not in held.streams]
        if taken and not held.streams:
            raise SyncInProgress(source, taken[0])
        yield FreeStreams(held.streams, _runs(database, tenant, source, taken), held.release)


def _runs(
    database: Database, tenant: str, source: str, streams: Sequence[str]
) -> dict[str, UUID | None]:
    """The run that has begun with each of the streams, as far as it has."""
    if not streams:
        return {}
    begun = select(stream_state.c.stream, stream_state.c.run_id).where(
        stream_state.c.tenant_id == tenant,
        stream_state.c.source == source,
        stream_state.c.stream.in_(streams),
    )
    with database.writing() as connection:
        runs = dict(connection.execute(begun).tuples().all())
    return {stream: runs.get(stream) for stream in streams}

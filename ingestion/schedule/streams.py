"""Which streams a schedule stands for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from index.tables import schedule, stream_state
from ingestion.source import Source


def streams_to_sync(
    connection: Connection, tenant: str, source: str, stream: str | None, known: Sequence[str]
) -> tuple[str, ...]:
    """Of the streams that the source has now, the one, or all without a schedule of their own."""
    if stream is not None:
        return (stream,) if stream in known else ()
    own = _with_their_own(connection, tenant, source, reconcile=False)
    return tuple(name for name in known if name not in own)


def streams_to_reconcile(
    connection: Connection, tenant: str, source: Source, stream: str | None, *, due: datetime
) -> tuple[str, ...]:
    """The one, or all without a schedule of their own whose deletions nothing else tells.

    A mapping says what a tombstone looks like where there are any, or that a stream is of them. A
    mapped stream without STATE is
    compared with what is held at each sync, unless a process reads it. One that was reconciled
    since it was `due`, for better or worse, is left out: a worker that is gone has done it.
    """
    state = stream_state.c
    found = connection.execute(
        select(state.stream, state.state.is_not(None).label("resumes"), state.reconciled_at).where(
            state.tenant_id == tenant, state.source == source.name
        )
    ).all()
    synced = {row.stream: row for row in found}
    done = {row.stream for row in found if row.reconciled_at and row.reconciled_at >= due}
    if stream is not None:
        return (stream,) if stream in source.streams and stream not in done else ()
    own = _with_their_own(connection, tenant, source.name, reconcile=True)
    always_compared = () if source.origin.is_process else source.mapped
    return tuple(
        name
        for name, mapping in source.streams.items()
        if name in synced
        and name not in {*own, *done}
        and not mapping.deleted
        and mapping.deletes is None
        and (synced[name].resumes or name not in always_compared)
    )


def _with_their_own(
    connection: Connection, tenant: str, source: str, *, reconcile: bool
) -> set[str]:
    return set(
        connection.execute(
            select(schedule.c.stream).where(
                schedule.c.tenant_id == tenant,
                schedule.c.source == source,
                schedule.c.reconcile == reconcile,
            )
        ).scalars()
    )

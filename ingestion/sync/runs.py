"""Sync runs, each with its report, and never two of one stream at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from index.database import Database
from index.errors import Unavailable
from index.tables import sync_run
from index.writer import register_source
from ingestion.sync.report import SyncReport

_LOCK = "hashtextextended(concat_ws('/', 'remit.sync', {tenant}, {source}, {stream}), 0)"
_OURS = _LOCK.format(
    tenant="CAST(:tenant AS text)", source="CAST(:source AS text)", stream="CAST(:stream AS text)"
)
_TRY_LOCK = text(f"SELECT pg_try_advisory_lock({_OURS})")
_UNLOCK = text(f"SELECT pg_advisory_unlock({_OURS})")
_LOCKED = _LOCK.format(tenant="state.tenant_id", source="state.source", stream="state.stream")
# Postgres shows an advisory lock of one number as the number's halves.
_UNDER_WAY = text(
    "SELECT DISTINCT state.run_id FROM remit.stream_state AS state JOIN pg_locks AS held"  # noqa: S608
    " ON held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted"
    f" AND ((held.classid::bigint << 32) | held.objid::bigint) = {_LOCKED}"
    " WHERE state.tenant_id = :tenant AND held.database ="
    " (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class SyncInProgress(Unavailable):
    """Another sync reads the same stream."""

    def __init__(self, source: str, stream: str) -> None:
        super().__init__(
            f"A sync of {source}, {stream} is already running. Wait until it has finished."
        )


class Held(NamedTuple):
    """The streams that nobody else may sync, and a function that lets go of one early."""

    streams: Sequence[str]
    release: Callable[[str], None]


@contextmanager
def only_one(
    database: Database, tenant: str, source: str, streams: Sequence[str]
) -> Iterator[Callable[[str], None]]:
    """Hold the right to sync the streams; yields a function that lets go of one early.

    Raises SyncInProgress when another process has one of them.
    """
    with hold_free(database, tenant, source, streams) as held:
        for stream in streams:
            if stream not in held.streams:
                raise SyncInProgress(source, stream)
        yield held.release


@contextmanager
def hold_free(
    database: Database, tenant: str, source: str, streams: Sequence[str]
) -> Iterator[Held]:
    """Hold the right to sync those of the streams that no other process has.

    The locks belong to a connection, so Postgres takes them back when the sync is killed.
    """
    held: list[str] = []
    with database.session() as connection:

        def release(stream: str) -> None:
            if stream in held:
                connection.execute(_UNLOCK, _lock(tenant, source, stream))
                held.remove(stream)

        try:
            for stream in streams:
                if connection.execute(_TRY_LOCK, _lock(tenant, source, stream)).scalar_one():
                    held.append(stream)
            yield Held(tuple(held), release)
        finally:
            # Lost with the connection, when that is lost.
            with suppress(SQLAlchemyError):
                for stream in list(held):
                    release(stream)


def under_way(connection: Connection, tenant: str) -> frozenset[UUID]:
    """The runs that a process is at work on: of their streams one is locked."""
    return frozenset(connection.execute(_UNDER_WAY, {"tenant": tenant}).scalars())


def begin_run(
    connection: Connection,
    tenant: str,
    source: str,
    connector: str,
    *,
    cause: str,
    worker: str | None,
) -> UUID:
    """Note that a sync begins, what asked for it and which process runs it; returns its id."""
    register_source(connection, tenant, source, connector)
    run_id = uuid4()
    connection.execute(
        insert(sync_run).values(
            tenant_id=tenant,
            run_id=run_id,
            source=source,
            started_at=func.clock_timestamp(),
            cause=cause,
            worker=worker,
        )
    )
    return run_id


def finish_run(connection: Connection, tenant: str, report: SyncReport) -> None:
    """Keep the report of a sync that came to its end, whether or not every stream did."""
    connection.execute(
        update(sync_run)
        .where(sync_run.c.tenant_id == tenant, sync_run.c.run_id == report.run_id)
        .values(finished_at=func.clock_timestamp(), report=report.as_json())
    )


def _lock(tenant: str, source: str, stream: str) -> dict[str, str]:
    return {"tenant": tenant, "source": source, "stream": stream}

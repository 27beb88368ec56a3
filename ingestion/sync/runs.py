"""Sync runs: one at a time for a source, each with its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert

from index.database import Database
from index.errors import Unavailable
from index.tables import sync_run
from index.writer import register_source
from ingestion.sync.report import SyncReport

_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")


class SyncInProgress(Unavailable):
    """Another sync of the same source is running."""


@contextmanager
def only_one(database: Database, tenant: str, source: str) -> Iterator[None]:
    """Hold the right to sync the source. Raises SyncInProgress when another process has it.

    The lock belongs to a connection, so Postgres takes it back when the sync is killed.
    """
    name = {"name": f"remit.sync/{tenant}/{source}"}
    engine = database.writer.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.execute(_TRY_LOCK, name).scalar_one():
            raise SyncInProgress(
                f"A sync of {source} is already running. Wait until it has finished."
            )
        try:
            yield
        finally:
            connection.execute(_UNLOCK, name)


def begin_run(
    connection: Connection, tenant: str, source: str, connector: str
) -> tuple[UUID, bool]:
    """Note that a sync begins; returns its id, and whether the one before was cut off."""
    register_source(connection, tenant, source, connector)
    before = connection.execute(
        select(sync_run.c.finished_at)
        .where(sync_run.c.tenant_id == tenant, sync_run.c.source == source)
        .order_by(sync_run.c.started_at.desc())
        .limit(1)
    ).first()
    run_id = uuid4()
    connection.execute(
        insert(sync_run).values(
            tenant_id=tenant, run_id=run_id, source=source, started_at=datetime.now(UTC)
        )
    )
    return run_id, before is not None and before.finished_at is None


def finish_run(connection: Connection, tenant: str, report: SyncReport) -> None:
    """Keep the report of a sync that came to its end, whether or not every stream did."""
    connection.execute(
        update(sync_run)
        .where(sync_run.c.tenant_id == tenant, sync_run.c.run_id == report.run_id)
        .values(finished_at=report.finished_at, report=report.as_json())
    )

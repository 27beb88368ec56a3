"""The syncs there were, as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, Text, cast, select

from index.errors import InvalidRequest
from index.tables import sync_run
from ingestion.sync.runs import under_way


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """One sync of a source; `streams` has the report of each stream by name, once it has ended."""

    run_id: UUID
    source: str
    cause: str
    worker: str | None
    started_at: datetime
    finished_at: datetime | None
    under_way: bool
    streams: Mapping[str, Mapping[str, Any]]

    @property
    def outcome(self) -> Literal["complete", "incomplete", "running", "cut off"]:
        """What came of it; a run that was cut off is gone on with by the next."""
        if self.finished_at is None:
            return "running" if self.under_way else "cut off"
        return "incomplete" if any(self.problems.values()) else "complete"

    @property
    def problems(self) -> Mapping[str, str]:
        """Why a stream was not read to its end, for those that were not."""
        return {
            name: problem
            for name, report in self.streams.items()
            if (problem := report.get("error") or report.get("suspicion"))
        }

    def count(self, name: str) -> int:
        """The sum over all streams of one count, such as `read`."""
        return sum(report.get(name, 0) for report in self.streams.values())


def kept_runs(
    connection: Connection, tenant: str, *, source: str | None = None, limit: int = 20
) -> tuple[KeptRun, ...]:
    """The newest runs, of one source or of all, the newest first."""
    query = select(sync_run).where(sync_run.c.tenant_id == tenant)
    if source is not None:
        query = query.where(sync_run.c.source == source)
    rows = connection.execute(query.order_by(sync_run.c.started_at.desc()).limit(limit)).all()
    held = under_way(connection, tenant)
    return tuple(_kept(row, held) for row in rows)


def find_run(connection: Connection, tenant: str, beginning: str) -> KeptRun:
    """The run whose id begins like this. Raises InvalidRequest when there is none or several."""
    rows = connection.execute(
        select(sync_run)
        .where(
            sync_run.c.tenant_id == tenant,
            cast(sync_run.c.run_id, Text).startswith(beginning.lower(), autoescape=True),
        )
        .limit(2)
    ).all()
    if len(rows) != 1:
        how_many = "no run" if not rows else "more than one run"
        raise InvalidRequest(
            f"There is {how_many} whose id begins with {beginning!r}; `remit runs list` shows them."
        )
    return _kept(rows[0], under_way(connection, tenant))


def _kept(row: Row[Any], held: frozenset[UUID]) -> KeptRun:
    return KeptRun(
        run_id=row.run_id,
        source=row.source,
        cause=row.cause,
        worker=row.worker,
        started_at=row.started_at,
        finished_at=row.finished_at,
        under_way=row.run_id in held,
        streams=row.report or {},
    )

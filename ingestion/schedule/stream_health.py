"""How the streams do, for operators: when they were last read, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from index.tables import rejected_record, source, stream_state


@dataclass(frozen=True, kw_only=True)
class StreamHealth:
    """A stream that was synced at least once; `rejected` records of it are set aside."""

    source: str
    stream: str
    paused: bool
    synced_at: datetime | None
    tried_at: datetime | None
    problem: str | None
    reconciled_at: datetime | None
    reconcile_problem: str | None
    rejected: int


def stream_health(connection: Connection, tenant: str) -> tuple[StreamHealth, ...]:
    """All streams of a tenant, by source and name."""
    rejected = (
        select(func.count())
        .where(
            rejected_record.c.tenant_id == stream_state.c.tenant_id,
            rejected_record.c.source == stream_state.c.source,
            rejected_record.c.stream == stream_state.c.stream,
        )
        .scalar_subquery()
    )
    found = connection.execute(
        select(
            stream_state.c.source,
            stream_state.c.stream,
            source.c.paused_at,
            stream_state.c.synced_at,
            stream_state.c.tried_at,
            stream_state.c.problem,
            stream_state.c.reconciled_at,
            stream_state.c.reconcile_problem,
            rejected.label("rejected"),
        )
        .join(
            source,
            (source.c.tenant_id == stream_state.c.tenant_id)
            & (source.c.name == stream_state.c.source),
        )
        .where(stream_state.c.tenant_id == tenant)
        .order_by(stream_state.c.source, stream_state.c.stream)
    )
    return tuple(
        StreamHealth(
            source=row.source,
            stream=row.stream,
            paused=row.paused_at is not None,
            synced_at=row.synced_at,
            tried_at=row.tried_at,
            problem=row.problem,
            reconciled_at=row.reconciled_at,
            reconcile_problem=row.reconcile_problem,
            rejected=row.rejected,
        )
        for row in found
    )

"""How sources do, as GraphQL types."""

from __future__ import annotations

from datetime import datetime

import strawberry

from ingestion.schedule.stream_health import StreamHealth


@strawberry.type(description="How one stream of a source does.")
class SourceStream:
    source: str
    stream: str
    paused: bool = strawberry.field(description="No schedule runs the source.")
    synced_at: datetime | None = strawberry.field(
        description="All that the source had by then is in the index."
    )
    tried_at: datetime | None = strawberry.field(description="When a sync last ended.")
    problem: str | None = strawberry.field(
        description="Why it does not count as fresh since then; null when it does."
    )
    reconciled_at: datetime | None = strawberry.field(
        description="When all of it was last read to find what is gone."
    )
    reconcile_problem: str | None = strawberry.field(
        description="Why that found nothing out, and what to do; null when it did."
    )
    rejected: int = strawberry.field(description="Records that are set aside.")

    @classmethod
    def of(cls, health: StreamHealth) -> SourceStream:
        return cls(
            source=health.source,
            stream=health.stream,
            paused=health.paused,
            synced_at=health.synced_at,
            tried_at=health.tried_at,
            problem=health.problem,
            reconciled_at=health.reconciled_at,
            reconcile_problem=health.reconcile_problem,
            rejected=health.rejected,
        )

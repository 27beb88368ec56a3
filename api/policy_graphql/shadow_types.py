"""A version on trial as GraphQL types."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from access_policies.versions.shadow_runs import SeenDifference, ShadowRun


@strawberry.type(description="A version that is evaluated beside the one in force.")
class Shadow:
    version: int
    started_by: str
    started_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, run: ShadowRun) -> Shadow:
        return cls(
            version=run.version,
            started_by=run.started_by,
            started_at=run.started_at,
            expires_at=run.expires_at,
        )


@strawberry.type(description="What a read would have shown a caller otherwise.")
class ShadowDifference:
    entity: str
    row_id: UUID
    change: str = strawberry.field(description="gained, lost, masked or unmasked")
    field: str | None
    user: str | None
    agent: str | None
    seen: int
    first_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, seen: SeenDifference) -> ShadowDifference:
        difference = seen.difference
        return cls(
            entity=difference.entity,
            row_id=difference.row_id,
            change=difference.change,
            field=difference.field or None,
            user=difference.user,
            agent=difference.agent,
            seen=seen.seen,
            first_at=seen.first_at,
            last_at=seen.last_at,
        )

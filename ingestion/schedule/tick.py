"""One look at the schedules: what is due goes into the queue, once, whoever looks."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from index.tables import schedule, source
from ingestion.schedule.queue import active_locks, defer_sync, job_lock
from ingestion.schedule.schedules import rhythm_of


def tick(connection: Connection, tenant: str) -> int:
    """Put a sync into the queue for each schedule that is due; returns how many.

    A schedule whose last job still waits or runs stays due until that is done, so whatever was
    missed, be it by a long sync, a pause or a time without workers, is caught up by one sync. Any
    number of workers may look at once.
    """
    due = connection.execute(
        select(schedule, func.now().label("now"))
        .join(
            source,
            (source.c.tenant_id == schedule.c.tenant_id) & (source.c.name == schedule.c.source),
        )
        .where(
            schedule.c.tenant_id == tenant,
            schedule.c.next_at <= func.now(),
            source.c.paused_at.is_(None),
        )
        .order_by(schedule.c.next_at)
        .with_for_update(of=schedule, skip_locked=True)
    ).all()
    if not due:
        return 0
    # Looked up when the rows are ours: until we let go of them nobody else queues their jobs.
    active = active_locks(connection, tenant)
    ready = [
        row
        for row in due
        if job_lock(tenant, row.source, row.stream, reconcile=row.reconcile) not in active
    ]
    for row in ready:
        rhythm = rhythm_of(row.every_seconds, row.cron)
        connection.execute(
            update(schedule)
            .where(
                schedule.c.tenant_id == tenant,
                schedule.c.source == row.source,
                schedule.c.stream == row.stream,
                schedule.c.reconcile == row.reconcile,
            )
            .values(next_at=rhythm.after(row.next_at, row.now))
        )
        due_at = row.next_at if row.reconcile else None
        defer_sync(connection, tenant, row.source, row.stream, reconcile_due=due_at)
    return len(ready)

"""The queue of syncs: each schedule has one job at most, waiting or running.

A tenant has a queue of its own, for a worker knows the sources of one tenant only.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from procrastinate import PsycopgConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from index.database import CONNECT_SECONDS
from ingestion.schedule.queue_tables import QUEUE_SCHEMA, use_queue

TASK = "sync"

_ACTIVE = text(
    f"SELECT lock FROM {QUEUE_SCHEMA}.procrastinate_jobs"  # noqa: S608
    " WHERE queue_name = :queue AND status IN ('todo', 'doing')"
)
# A machine that was switched off closes no connection: Postgres finds out by asking.
_KEEPALIVES = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def queue_name(tenant: str) -> str:
    """The tenant's queue. Its name is part of a notification channel's, which has to be short."""
    return "sync-" + hashlib.sha256(tenant.encode()).hexdigest()[:16]


def job_lock(tenant: str, source: str, stream: str, *, reconcile: bool) -> str:
    """What two jobs of the same schedule have in common."""
    return json.dumps([tenant, source, stream, *(["reconcile"] if reconcile else [])])


def active_locks(connection: Connection, tenant: str) -> frozenset[str]:
    """The locks of all jobs of the tenant that wait or run."""
    found = connection.execute(_ACTIVE, {"queue": queue_name(tenant)})
    return frozenset(row.lock for row in found)


def defer_sync(
    connection: Connection,
    tenant: str,
    source: str,
    stream: str,
    *,
    reconcile_due: datetime | None = None,
) -> None:
    """Put a sync into the queue, in the connection's transaction; a reconcile with its due time."""
    use_queue(connection)
    lock = job_lock(tenant, source, stream, reconcile=reconcile_due is not None)
    due = reconcile_due.isoformat() if reconcile_due is not None else None
    job = Job(
        queue=queue_name(tenant),
        task_name=TASK,
        lock=lock,
        queueing_lock=lock,
        task_kwargs={"source": source, "stream": stream, "reconcile_due": due},
    )
    manager = JobManager(PsycopgConnector())
    manager.defer_job(job, connection=connection.connection.driver_connection)


def connector(url: str) -> PsycopgConnector:
    """A connector of procrastinate's for the database with this SQLAlchemy URL."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return PsycopgConnector(
        conninfo=address,
        min_size=1,
        max_size=4,
        timeout=CONNECT_SECONDS,
        kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c search_path={QUEUE_SCHEMA} -c timezone=UTC",
            **_KEEPALIVES,
        },
    )

"""Taking out of the index what its source no longer has, and removing it for good later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, select, update

from index.entity_tables import EntityTables
from index.rejected import forget
from index.stream import Stream, of_stream, row_id
from index.tables import record

NO_CONTENT = b""
"""The content hash of a record that its source no longer has: any content differs from it."""


class Purged(NamedTuple):
    """How many there were."""

    records: int
    rows: int


def mark_deleted(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    keys: Sequence[str],
    at: datetime,
    *,
    unseen_since: datetime | None = None,
) -> list[UUID]:
    """Take records and their rows out of every answer because the source no longer has them.

    With `unseen_since`, one that a sync wrote or a live read saw after that moment is left alone.
    Returns the ids of the rows of those removed. The records stay until they are purged, counted
    from when they were first found gone; versions of them that were set aside are forgotten.
    """
    held = select(record.c.key).where(
        *of_stream(record, stream), record.c.key == func.any(bindparam("keys"))
    )
    if unseen_since is not None:
        held = held.where(record.c.deleted_at.is_(None), record.c.synced_at < unseen_since)
    # Locks the records before the rows, in the order of their keys, as a write does.
    locked = held.order_by(record.c.key).with_for_update()
    found = connection.execute(locked, {"keys": list(keys)}).scalars().all()
    gone = {row_id(stream, key): key for key in (keys if unseen_since is None else found)}
    if unseen_since is not None:
        for row in _seen_live(connection, tables, stream, list(gone), unseen_since):
            del gone[row]
    # The next record of these keys must be written even when its content is as before.
    connection.execute(
        update(record)
        .where(*of_stream(record, stream), record.c.key.in_(list(gone.values())))
        .values(
            content_hash=NO_CONTENT,
            deleted_at=func.coalesce(record.c.deleted_at, at),
            synced_at=at,
        )
    )
    for entity in stream.entities:
        table = tables[entity]
        connection.execute(
            update(table)
            .where(table.c.tenant_id == stream.tenant, table.c.id.in_(list(gone)))
            .values(deleted_at=func.coalesce(table.c.deleted_at, at), synced_at=at, live_at=at)
        )
    forget(connection, stream.tenant, list(gone))
    return list(gone)


def _seen_live(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    ids: Sequence[UUID],
    since: datetime,
) -> set[UUID]:
    found: set[UUID] = set()
    for entity in stream.entities:
        table = tables[entity]
        seen = select(table.c.id).where(
            table.c.tenant_id == stream.tenant, table.c.id.in_(ids), table.c.live_at >= since
        )
        found |= set(connection.execute(seen).scalars())
    return found


def purge(
    connection: Connection, tables: EntityTables, tenant: str, deleted_before: datetime
) -> Purged:
    """Remove records and rows that were deleted before a moment."""
    records = delete(record).where(
        record.c.tenant_id == tenant, record.c.deleted_at < deleted_before
    )
    removed = connection.execute(records).rowcount
    rows = 0
    for table in tables.values():
        gone = delete(table).where(table.c.tenant_id == tenant, table.c.deleted_at < deleted_before)
        rows += connection.execute(gone).rowcount
    return Purged(removed, rows)

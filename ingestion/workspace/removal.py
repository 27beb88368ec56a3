"""Forgetting a source: everything that came from it, and that it ever was."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, union

from index.entity_tables import EntityTables
from index.tables import (
    record,
    rejected_record,
    schedule,
    source,
    stream_field,
    stream_state,
    sync_run,
)
from semantic_layer.identity import resolve_customers
from semantic_layer.model import Model

_ABOUT_A_SOURCE = (record, rejected_record, stream_state, stream_field, schedule, sync_run)


def records_of(connection: Connection, tenant: str, name: str) -> int:
    """How many records there are of the source."""
    mine = (record.c.tenant_id == tenant) & (record.c.source == name)
    return connection.execute(select(func.count()).select_from(record).where(mine)).scalar_one()


def streams_of(connection: Connection, tenant: str, name: str) -> list[str]:
    """The streams of the source that were read, or are being read, in order."""
    read = (
        select(table.c.stream).where(table.c.tenant_id == tenant, table.c.source == name)
        for table in (stream_state, record)
    )
    return sorted(connection.execute(union(*read)).scalars())


def forget_source(
    connection: Connection, tables: EntityTables, model: Model, tenant: str, name: str
) -> int:
    """Remove the source with its records, its rows and its history, in this transaction; returns
    how many records that were. Customers that it was a part of are made anew from what is left.

    A sync should be kept away meanwhile. What else writes, a live read for instance, is waited for,
    or waits and finds no source.
    """
    # Whoever writes a record that is held waits for it; whoever writes a new one, for the source
    # that it refers to. Locked in the order in which writers lock them.
    held = select(record.c.key).where(record.c.tenant_id == tenant, record.c.source == name)
    locked = held.order_by(record.c.stream, record.c.key).with_for_update().subquery()
    connection.execute(select(func.count()).select_from(locked))
    of_source = (source.c.tenant_id == tenant, source.c.name == name)
    connection.execute(select(source.c.name).where(*of_source).with_for_update())
    count = 0
    for table in _ABOUT_A_SOURCE:
        mine = (table.c.tenant_id == tenant, table.c.source == name)
        gone = connection.execute(delete(table).where(*mine)).rowcount
        count += gone if table is record else 0
    resolved = {entity.name for entity in model.entities.values() if entity.resolved_from}
    for entity, rows in tables.items():
        if entity not in resolved:
            connection.execute(
                delete(rows).where(rows.c.tenant_id == tenant, rows.c.source == name)
            )
    resolve_customers(connection, tables, model, tenant, None)
    connection.execute(delete(source).where(*of_source))
    return count

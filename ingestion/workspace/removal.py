"""Forgetting a source: everything that came from it, and that it ever was."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

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
from ingestion.customers import update_customers
from semantic_layer.model import Model

_ABOUT_A_SOURCE = (rejected_record, record, stream_state, stream_field, schedule, sync_run)


def records_of(connection: Connection, tenant: str, name: str) -> int:
    """How many records there are of the source."""
    mine = (record.c.tenant_id == tenant) & (record.c.source == name)
    return connection.execute(select(func.count()).select_from(record).where(mine)).scalar_one()


def forget_source(
    connection: Connection, tables: EntityTables, model: Model, tenant: str, name: str
) -> int:
    """Remove the source with its records, its rows and its history, in this transaction; returns
    how many records that were. Customers that it was a part of are made anew from what is left."""
    resolved = {entity.name for entity in model.entities.values() if entity.resolved_from}
    for entity, rows in tables.items():
        if entity not in resolved:
            connection.execute(
                delete(rows).where(rows.c.tenant_id == tenant, rows.c.source == name)
            )
    update_customers(connection, tables, model, tenant, None)
    count = records_of(connection, tenant, name)
    for table in _ABOUT_A_SOURCE:
        connection.execute(delete(table).where(table.c.tenant_id == tenant, table.c.source == name))
    connection.execute(delete(source).where(source.c.tenant_id == tenant, source.c.name == name))
    return count

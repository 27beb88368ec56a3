"""Entity rows as they are written: whole rows made of records, upserted by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Table, delete, text, update

from index.entity_tables import EntityTables
from index.incoming import Incoming
from index.stream import Stream, row_id

Rows = Mapping[str | None, list[dict[str, Any]]]
"""Whole rows by entity; under None, those of records that are no entity."""


def whole_rows(stream: Stream, items: Iterable[tuple[Incoming, UUID, datetime]]) -> Rows:
    """The rows that records become, with the id and the time of each record."""
    by_entity: dict[str | None, list[dict[str, Any]]] = {}
    for item, identity, at in items:
        by_entity.setdefault(item.entity, []).append(
            {
                **(item.row or {}),
                "tenant_id": stream.tenant,
                "id": identity,
                "source": stream.source,
                "stream": stream.name,
                "remote_id": item.key,
                "synced_at": at,
                "deleted_at": item.deleted_at,
            }
        )
    return by_entity


def upsert_rows(
    connection: Connection, tables: EntityTables, entity: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Upsert whole entity rows, all with the same columns; a column they leave out is kept."""
    if rows:
        statement = _upsert_statement(tables[entity], rows[0])
        connection.execute(text(statement), _as_json(rows))


def upsert_different(
    connection: Connection, tables: EntityTables, entity: str, rows: Sequence[Mapping[str, Any]]
) -> list[UUID]:
    """The same, without those that are held just so; returns the ids of the others."""
    table = tables[entity]
    values = [column.name for column in table.columns if column.name in rows[0]]
    held, given = (
        ", ".join(f'{side}."{name}"' for name in values) for side in ("held", "excluded")
    )
    statement = (
        f"{_upsert_statement(table, rows[0])}"
        f" WHERE ({held}) IS DISTINCT FROM ({given}) RETURNING id"
    )
    return list(connection.execute(text(statement), _as_json(rows)).scalars())


def _upsert_statement(table: Table, row: Mapping[str, Any]) -> str:
    columns = [column.name for column in table.columns if column.name in row]
    names = ", ".join(f'"{name}"' for name in columns)
    changes = ", ".join(
        f'"{name}" = excluded."{name}"' for name in columns if name not in ("tenant_id", "id")
    )
    qualified = f'"{table.schema}"."{table.name}"'
    return (
        f"INSERT INTO {qualified} AS held ({names}) SELECT {names}"  # noqa: S608  names from the model
        f" FROM json_populate_recordset(NULL::{qualified}, CAST(:rows AS json))"
        f" ON CONFLICT (tenant_id, id) DO UPDATE SET {changes}"
    )


def _as_json(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {"rows": orjson.dumps(rows, default=str).decode()}


def remove_others(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    entity: str | None,
    rows: Sequence[Mapping[str, Any]],
) -> list[tuple[str, UUID]]:
    """Remove what the records of these rows were before: an end user can become an agent. Returns
    what is gone, each with its entity."""
    removed: list[tuple[str, UUID]] = []
    for other in stream.entities:
        if other != entity:
            table = tables[other]
            ids = [row["id"] for row in rows]
            gone = delete(table).where(table.c.tenant_id == stream.tenant, table.c.id.in_(ids))
            found = connection.execute(gone.returning(table.c.id)).scalars()
            removed += [(other, row) for row in found]
    return removed


def mark_live(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    items: Iterable[Incoming],
    at: datetime,
) -> None:
    """Note that the rows of these records were read live."""
    by_entity: dict[str, list[UUID]] = {}
    for item in items:
        if item.entity is not None:
            by_entity.setdefault(item.entity, []).append(row_id(stream, item.key))
    for entity, ids in by_entity.items():
        table = tables[entity]
        connection.execute(
            update(table)
            .where(table.c.tenant_id == stream.tenant, table.c.id.in_(ids))
            .values(live_at=at)
        )

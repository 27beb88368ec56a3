"""Rows of every entity of a model, whatever its fields and relations are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, bindparam, delete, insert, update

from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.specs import EntitySpec, EntitySpecs, RelationSpec
from index.tables import identity_link
from index.writer import register_source
from tests.leaks.values import plain

TENANT = "leaks"
ROWS = 6
EARLY = range(3)
"""The rows before the cut: those that policies mask or hide where it is not about all."""

_IDS = UUID("51d0a8a4-0000-5000-8000-000000000000")
_SYNCED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def row_id(entity: str, row: int) -> UUID:
    return uuid5(_IDS, f"{entity} {row}")


def fill(connection: Connection, specs: EntitySpecs, tables: EntityTables) -> None:
    """Put in all rows. Early rows belong to late ones and the other way round, so that what is
    hidden stands above and below what is not."""
    register_source(connection, TENANT, "desk", "zendesk")
    for spec in specs.values():
        rows = [_row(spec, specs, tables, row) for row in range(ROWS)]
        upsert_rows(connection, tables, spec.name, rows)
    links = [
        {
            "tenant_id": TENANT,
            "member_id": row_id(_member(specs), row),
            "customer_id": row_id(spec.name, (row + 2) % ROWS),
            "evidence": [],
        }
        for spec in specs.values()
        if spec.resolved
        for row in range(ROWS)
    ]
    connection.execute(insert(identity_link), links)


def put(
    connection: Connection,
    tables: EntityTables,
    entity: str,
    contents: Mapping[int, Mapping[str, Any]],
) -> None:
    """Change columns of some rows."""
    if contents:
        table = tables[entity]
        change = update(table).where(table.c.tenant_id == TENANT, table.c.id == bindparam("row_id"))
        rows = [{"row_id": row_id(entity, row), **columns} for row, columns in contents.items()]
        connection.execute(change.values({n: bindparam(n) for n in rows[0] if n != "row_id"}), rows)


def restore(connection: Connection, specs: EntitySpecs, tables: EntityTables, entity: str) -> None:
    """Make the rows of an entity plain again, all of them."""
    spec = specs[entity]
    rows = [_row(spec, specs, tables, row) for row in range(ROWS)]
    connection.execute(delete(tables[entity]))
    upsert_rows(connection, tables, entity, rows)


def remove(connection: Connection, tables: EntityTables, entity: str, rows: range) -> None:
    """Take rows out as if they had never been there."""
    ids = [row_id(entity, row) for row in rows]
    connection.execute(delete(tables[entity]).where(tables[entity].c.id.in_(ids)))


def _row(spec: EntitySpec, specs: EntitySpecs, tables: EntityTables, row: int) -> dict[str, Any]:
    values: dict[str, Any] = {str(column.name): None for column in tables[spec.name].columns}
    for field in spec.fields.values():
        values.update(plain(field, row))
    for place, relation in enumerate(spec.relations.values(), start=1):
        if relation.kind == "one" and relation.column != "id":
            target = _member(specs) if relation.through_identity else relation.target
            # Of relations over one key (an author is an agent or a contact) each gets some rows.
            if values[relation.column] is None or row % 2:
                values[relation.column] = row_id(target, (row + _shift(relation, place)) % ROWS)
    return {
        **values,
        "tenant_id": TENANT,
        "id": row_id(spec.name, row),
        "source": "desk",
        "stream": spec.name,
        "remote_id": f"{spec.name}-{row}",
        "remote_url": f"https://desk.example/{spec.name}/{row}",
        "synced_at": _SYNCED,
        "custom": {},
    }


def _shift(relation: RelationSpec, place: int) -> int:
    return 1 if relation.through_identity else place


def _member(specs: EntitySpecs) -> str:
    """The entity whose rows the resolved one is made of."""
    return next(
        spec.name
        for spec in specs.values()
        for relation in spec.relations.values()
        if relation.kind == "one" and relation.through_identity and relation.column == "id"
    )

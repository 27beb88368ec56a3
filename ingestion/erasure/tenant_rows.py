"""The rows of one tenant, as an erasure finds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Connection, Table, Uuid, func, literal, select

from index.entity_tables import EntityTables


@dataclass(frozen=True)
class HeldRow:
    """A row of the index, and the record it was made of."""

    entity: str
    id: UUID
    source: str
    stream: str
    key: str


class TenantRows:
    """The rows of a tenant, in one transaction."""

    def __init__(self, connection: Connection, tables: EntityTables, tenant: str) -> None:
        self.connection = connection
        self.tables = {name: tables[name] for name in tables}
        self.tenant = tenant

    def having(self, entity: str, condition: Any) -> list[HeldRow]:
        """The rows of the entity that meet a condition, deleted ones too."""
        table = self.tables[entity]
        columns = (table.c.id, table.c.source, table.c.stream, table.c.remote_id)
        query = select(*columns).where(table.c.tenant_id == self.tenant, condition)
        return [HeldRow(entity, *row) for row in self.connection.execute(query)]

    def named(self, entities: Iterable[str]) -> dict[str, Table]:
        """The tables of those of the entities that the model has."""
        return {name: self.tables[name] for name in entities if name in self.tables}


def among(column: Any, ids: Sequence[UUID]) -> Any:
    """Whether it is one of the ids; one parameter for all, for Postgres takes 65,535 at most."""
    return column == func.any(array_of(ids))


def array_of(ids: Sequence[UUID]) -> Any:
    """The ids as one parameter."""
    return literal(list(ids), ARRAY(Uuid))


def records_of(rows: Iterable[HeldRow]) -> str:
    """The keys of their records, for `json_to_recordset`."""
    keys = [{"source": row.source, "stream": row.stream, "key": row.key} for row in rows]
    return orjson.dumps(keys).decode()

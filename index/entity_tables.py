"""Entity tables: one narrow typed table an entity, made from its spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from index.specs import EntitySpec, EntitySpecs, FieldSpec, FieldType
from index.tables import NAMING, moment

ENTITY_SCHEMA = "entity"


def _text() -> Text:
    # Code-point order: `<`, ORDER BY and Python then agree, whatever the server's locale.
    return Text(collation="C")


_COLUMN_TYPES: Mapping[FieldType, Callable[[], TypeEngine[Any]]] = {
    FieldType.TEXT: _text,
    FieldType.ENUM: _text,
    FieldType.INTEGER: BigInteger,
    FieldType.DECIMAL: Numeric,
    FieldType.BOOLEAN: Boolean,
    FieldType.TIMESTAMP: lambda: moment("unused").type,
    FieldType.TEXT_LIST: lambda: ARRAY(_text()),
    FieldType.ID: Uuid,
}


class EntityTables(Mapping[str, Table]):
    """The SQLAlchemy table of each entity, by entity name."""

    def __init__(self, specs: EntitySpecs) -> None:
        self.searchable: Mapping[str, tuple[str, ...]] = {
            name: spec.searchable for name, spec in specs.items() if spec.searchable
        }
        self.metadata = MetaData(schema=ENTITY_SCHEMA, naming_convention=NAMING)
        keys = _foreign_keys(specs)
        self._tables = {
            name: _entity_table(self.metadata, spec, keys.get(name, ()))
            for name, spec in specs.items()
        }

    def __getitem__(self, entity: str) -> Table:
        return self._tables[entity]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def _foreign_keys(specs: EntitySpecs) -> dict[str, tuple[str, ...]]:
    """The columns by which relations find rows of each entity, sorted."""
    found: dict[str, set[str]] = {}
    for spec in specs.values():
        for relation in spec.relations.values():
            owner = spec.name if relation.kind == "one" else relation.target
            found.setdefault(owner, set()).add(relation.column)
    return {name: tuple(sorted(columns - {"id"})) for name, columns in found.items()}


def _entity_table(metadata: MetaData, spec: EntitySpec, keys: tuple[str, ...]) -> Table:
    columns: list[Column[Any]] = [
        Column("tenant_id", Text, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("source", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("remote_id", _text(), nullable=False),
        Column("remote_url", Text),
        moment("synced_at", nullable=False),
        moment("live_at"),
        moment("deleted_at"),
        Column("custom", JSONB, nullable=False, server_default=text("'{}'")),
    ]
    for field in spec.fields.values():
        columns += _field_columns(field)
    named = {column.name for column in columns}
    columns += [Column(key, Uuid) for key in keys if key not in named]
    # Rows in answers are alive; the partial index keeps deleted ones out of the way.
    indexes = [
        Index(
            f"{spec.name}_{key}_ix", "tenant_id", key, postgresql_where=text("deleted_at IS NULL")
        )
        for key in keys
    ]
    by_name = {column.name: column for column in columns}
    kinds = {spec.fields[name.removeprefix("-")].type for name in spec.order}
    if kinds and kinds <= _INDEXED:
        order = [_ordered(by_name, name) for name in spec.order]
        indexes.append(
            Index(
                f"{spec.name}_order_ix",
                "tenant_id",
                *order,
                "id",
                postgresql_where=text("deleted_at IS NULL"),
            )
        )
    return Table(spec.name, metadata, *columns, *indexes)


_INDEXED = {FieldType.TIMESTAMP, FieldType.INTEGER, FieldType.DECIMAL, FieldType.BOOLEAN}
"""What a list can be in the order of by an index: texts may be longer than one takes, and enums are
ordered as the model lists their values."""


def _ordered(columns: Mapping[str, Column[Any]], name: str) -> ColumnElement[Any]:
    """As pages are ordered (`semantic_layer.paging`): what is missing comes last, either way."""
    if name.startswith("-"):
        return columns[name.removeprefix("-")].desc().nulls_last()
    return columns[name]  # Postgres puts it last by itself, and then does not say so


def _field_columns(field: FieldSpec) -> list[Column[Any]]:
    if field.type is FieldType.MONEY:
        columns: list[Column[Any]] = [
            Column(f"{field.name}_minor", BigInteger),
            Column(f"{field.name}_currency", Text),
        ]
    else:
        columns = [Column(field.name, _COLUMN_TYPES[field.type]())]
    if field.keep_raw:
        columns.append(Column(f"{field.name}_raw", Text))
    return columns

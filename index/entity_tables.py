"""Entity tables: one narrow typed table an entity, made from its spec.

`plan` compares the specs with the database through Alembic's autogenerate; `apply` carries the
difference out. Additive by default: what the model no longer names stays until dropping is asked
for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

from index.database import QUERY_ROLE
from index.specs import EntitySpec, EntitySpecs, FieldSpec, FieldType
from index.tables import NAMING, moment
from index.text_watch import forget_texts, watch_texts

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


@dataclass(frozen=True)
class SchemaPlan:
    """What would have to change so that the database has the tables of the model."""

    additions: tuple[ops.MigrateOperation, ...]
    removals: tuple[ops.MigrateOperation, ...]

    def describe(self) -> list[str]:
        """One line a change, in words; what the model no longer has is said to be kept."""
        kept = [f"kept, though no longer in the model: {_words(op)}" for op in self.removals]
        return [*(f"new: {_words(operation)}" for operation in self.additions), *kept]


def plan(connection: Connection, tables: EntityTables) -> SchemaPlan:
    """Compare the model's tables with those of the database."""
    context = _context(connection)
    upgrade = produce_migrations(context, tables.metadata).upgrade_ops
    changes = list(_flatten(upgrade.ops if upgrade is not None else ()))
    removals = (ops.DropTableOp, ops.DropColumnOp, ops.DropIndexOp, ops.DropConstraintOp)
    return SchemaPlan(
        additions=tuple(change for change in changes if not isinstance(change, removals)),
        removals=tuple(change for change in changes if isinstance(change, removals)),
    )


def apply(connection: Connection, tables: EntityTables, *, drop: bool = False) -> SchemaPlan:
    """Bring the database to the model, put every entity table behind row-level security, and watch
    the texts that are to be searched."""
    connection.execute(CreateSchema(ENTITY_SCHEMA, if_not_exists=True))
    connection.execute(text(f"GRANT USAGE ON SCHEMA {ENTITY_SCHEMA} TO {QUERY_ROLE}"))
    changes = plan(connection, tables)
    operations = Operations(_context(connection))
    for change in (*changes.additions, *(changes.removals if drop else ())):
        operations.invoke(change)
    if drop:
        for change in changes.removals:
            if isinstance(change, ops.DropTableOp):
                forget_texts(connection, change.table_name)
    watch_texts(connection, ENTITY_SCHEMA, tables.searchable)
    for table in tables.values():
        for statement in tenant_wall(f"{ENTITY_SCHEMA}.{table.name}"):
            connection.execute(text(statement))
        connection.execute(text(f"GRANT SELECT ON {ENTITY_SCHEMA}.{table.name} TO {QUERY_ROLE}"))
    return changes


def tenant_wall(table: str) -> list[str]:
    """The statements that let the query role see only the tenant named for the transaction.

    The setting is read in a sub-select so that Postgres evaluates it once a statement, not once a
    row. Without a tenant it is null and no row is seen.
    """
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS tenant_wall ON {table}",
        f"CREATE POLICY tenant_wall ON {table} FOR SELECT TO {QUERY_ROLE}"
        " USING (tenant_id = (SELECT current_setting('remit.tenant', true)))",
    ]


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _parents: kind != "schema" or name == ENTITY_SCHEMA,
            "compare_type": True,
        },
    )


def _flatten(operations: Iterable[Any]) -> Iterable[Any]:
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from _flatten(operation.ops)
        else:
            yield operation


def _words(operation: ops.MigrateOperation) -> str:
    match operation:
        case ops.CreateTableOp() | ops.DropTableOp():
            return f"table {operation.table_name}"
        case ops.AddColumnOp():
            return f"column {operation.table_name}.{operation.column.name}"
        case ops.DropColumnOp() | ops.AlterColumnOp():
            return f"column {operation.table_name}.{operation.column_name}"
        case ops.CreateIndexOp() | ops.DropIndexOp():
            return f"index {operation.index_name}"
        case _:
            return type(operation).__name__


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

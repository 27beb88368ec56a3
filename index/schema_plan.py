"""The difference between the entity tables of the model and those of the database, and its end.

`plan` finds it through Alembic's autogenerate, `apply` carries it out. Additive by default: what
the model no longer names stays until dropping is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations, ops
from sqlalchemy import Connection, text
from sqlalchemy.schema import CreateSchema

from index.database import QUERY_ROLE
from index.entity_tables import ENTITY_SCHEMA, EntityTables
from index.text_watch import forget_texts, watch_texts


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

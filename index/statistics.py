"""What Postgres plans by."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from index.entity_tables import EntityTables


def update_statistics(
    connection: Connection, tables: EntityTables, entities: Iterable[str]
) -> None:
    """Let Postgres count anew what it plans by, which it would do by itself only a minute later.

    Until then it takes freshly loaded tables for empty, and joins them in ways that take seconds.
    """
    for entity in entities:
        table = tables[entity]
        connection.execute(text(f'ANALYZE "{table.schema}"."{table.name}"'))
    connection.execute(text("ANALYZE remit.identity_link"))

"""Which texts are watched: triggers on entity tables that notice every change of them.

A trigger sees whatever writes a row, be it a sync, a live read, an erasure or a purge, and does its
work in the same transaction (docs/decisions/0022-chunks-and-models-side-by-side.md). The function
that it calls, `remit.note_texts`, is made by the migrations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

_ADDED, _CHANGED, _REMOVED = "texts_added", "texts_changed", "texts_removed"
_EVENTS = {
    _ADDED: "INSERT ON {table} REFERENCING NEW TABLE AS held",
    _CHANGED: "UPDATE ON {table} REFERENCING OLD TABLE AS was NEW TABLE AS held",
    _REMOVED: "DELETE ON {table} REFERENCING OLD TABLE AS was",
}


def watch_texts(
    connection: Connection, schema: str, searchable: Mapping[str, Sequence[str]]
) -> None:
    """Watch these fields of these entities' tables, and no others.

    Where that is new, all rows of the entity become due to be cut; what is not to be searched any
    more loses its chunks.
    """
    watched = watched_texts(connection, schema)
    for entity in watched.keys() | searchable.keys():
        fields = tuple(searchable.get(entity, ()))
        if watched.get(entity, ()) != fields:
            _watch(connection, f'"{schema}"."{entity}"', entity, fields)


def watched_texts(connection: Connection, schema: str) -> dict[str, tuple[str, ...]]:
    """The fields that are watched, by entity."""
    found = connection.execute(
        text(
            "SELECT relname, tgargs FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = :schema AND tgname = :name"
        ),
        {"schema": schema, "name": _ADDED},
    )
    # Each argument ends with a zero byte.
    return {name: tuple(bytes(given).decode().split("\0")[:-1]) for name, given in found}


def forget_texts(connection: Connection, entity: str, *, but: Sequence[str] = ()) -> None:
    """Remove the chunks of an entity's fields, `but` for some, and nothing of it is due then."""
    # In this order, as the trigger does: whoever is cutting one of these rows is waited for.
    due = text("DELETE FROM remit.chunk_due WHERE entity = :entity")
    connection.execute(due, {"entity": entity})
    gone = "DELETE FROM remit.chunk WHERE entity = :entity AND field <> ALL (:fields)"
    connection.execute(text(gone), {"entity": entity, "fields": list(but)})


def _watch(connection: Connection, table: str, entity: str, fields: Sequence[str]) -> None:
    arguments = ", ".join(f"'{field}'" for field in fields)
    for name, event in _EVENTS.items():
        if fields:
            # Not dropped before: that would keep readers waiting until all rows are noted.
            made = (
                f"CREATE OR REPLACE TRIGGER {name} AFTER {event.format(table=table)}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION remit.note_texts({arguments})"
            )
        else:
            made = f"DROP TRIGGER {name} ON {table}"
        connection.execute(text(made))
    forget_texts(connection, entity, but=fields)
    if fields:
        rows = (
            "INSERT INTO remit.chunk_due (tenant_id, entity, row_id)"  # noqa: S608  from the model
            f" SELECT tenant_id, :entity, id FROM {table} WHERE deleted_at IS NULL"
            " ON CONFLICT (tenant_id, entity, row_id) DO UPDATE SET row_id = excluded.row_id"
        )
        connection.execute(text(rows), {"entity": entity})

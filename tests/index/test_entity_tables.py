"""Entity tables follow the model: what is new is added, what is gone stays until asked."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import inspect, text

from index.database import Database
from index.entity_tables import EntityTables
from index.schema_plan import apply, plan
from index.specs import EntitySpec, FieldSpec, FieldType, RelationSpec

NOTE = EntitySpec(
    name="note",
    fields={"body": FieldSpec(name="body", type=FieldType.TEXT)},
    relations={
        "ticket": RelationSpec(name="ticket", target="ticket", kind="one", column="ticket_id")
    },
)
STARS = FieldSpec(name="stars", type=FieldType.INTEGER)
PRICE = FieldSpec(name="price", type=FieldType.MONEY)


@pytest.fixture
def with_note(database: Database) -> Database:
    with database.writing() as connection:
        apply(connection, EntityTables({"note": NOTE}))
    return database


def _with(*fields: FieldSpec) -> EntityTables:
    return EntityTables({"note": replace(NOTE, fields={field.name: field for field in fields})})


def test_the_shipped_model_needs_no_change(database: Database, tables: EntityTables) -> None:
    with database.writing() as connection:
        assert plan(connection, tables).describe() == []


def test_a_new_field_is_added_and_applying_again_changes_nothing(with_note: Database) -> None:
    body = NOTE.fields["body"]
    with with_note.writing() as connection:
        described = plan(connection, _with(body, STARS, PRICE)).describe()
        assert [line for line in described if line.startswith("new")] == [
            "new: column note.stars",
            "new: column note.price_minor",
            "new: column note.price_currency",
        ]
        apply(connection, _with(body, STARS, PRICE))
        columns = {c["name"] for c in inspect(connection).get_columns("note", schema="entity")}
        assert {"stars", "price_minor", "price_currency"} <= columns
        assert plan(connection, _with(body, STARS, PRICE)).additions == ()


def test_a_field_that_is_gone_is_dropped_only_when_asked(with_note: Database) -> None:
    without = _with(STARS)
    with with_note.writing() as connection:
        apply(connection, without)
        kept = "kept, though no longer in the model: column note.body"
        assert kept in plan(connection, without).describe()
        apply(connection, without, drop=True)
        columns = {c["name"] for c in inspect(connection).get_columns("note", schema="entity")}
        assert "body" not in columns
        assert "stars" in columns


def test_text_compares_by_code_point_whatever_the_server_says(with_note: Database) -> None:
    with with_note.writing() as connection:
        collation = text(
            "SELECT collation_name FROM information_schema.columns"
            " WHERE table_schema = 'entity' AND table_name = 'note' AND column_name = 'body'"
        )
        assert connection.execute(collation).scalar_one() == "C"


def test_the_order_of_a_list_has_an_index(with_note: Database) -> None:
    fields = {field.name: field for field in (NOTE.fields["body"], STARS)}
    ordered = replace(NOTE, fields=fields, order=("-stars",))
    page = (
        "EXPLAIN SELECT id FROM entity.note WHERE tenant_id = 'acme' AND deleted_at IS NULL"
        " ORDER BY stars DESC NULLS LAST, id LIMIT 25"
    )
    with with_note.writing() as connection:
        apply(connection, EntityTables({"note": ordered}))
        assert plan(connection, EntityTables({"note": ordered})).additions == ()
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        shown = "\n".join(connection.execute(text(page)).scalars())
        assert "note_order_ix" in shown
        assert "Sort" not in shown


def test_a_text_of_any_length_can_be_what_a_list_is_ordered_by(with_note: Database) -> None:
    by_body = EntityTables({"note": replace(NOTE, order=("body",))})
    with with_note.writing() as connection:
        apply(connection, by_body)
        values = {
            "tenant_id": "acme",
            "id": uuid4(),
            "source": "s",
            "stream": "notes",
            "remote_id": "1",
            "synced_at": datetime.now(UTC),
            "body": secrets.token_hex(20_000),  # more than an index takes, also compressed
        }
        connection.execute(by_body["note"].insert(), [values])

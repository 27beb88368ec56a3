"""Chunks: how texts are cut, and that they are always of the text that the row has now."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from index.chunks import MOST, SIZE, Span, count_chunks, cut, cut_due
from index.database import Database
from index.embedding import is_anything_due
from index.entity_rows import upsert_rows
from index.entity_tables import ENTITY_SCHEMA, EntityTables
from index.schema_plan import apply
from index.text_watch import watch_texts
from index.writer import register_source
from semantic_layer import load_model

TENANT = "ours"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
TICKET = UUID("6f0a4a70-0000-5000-8000-000000000001")

SENTENCE = "The printer in the hall does not print any more. "


def _parts(said: str) -> list[str]:
    return [said[span.begins : span.begins + span.length] for span in cut(said)]


# A text, and how its parts begin or end.
TEXTS = [
    ("", []),
    (" \n\t ", []),
    ("  short  ", ["short"]),  # without the blanks around it
    ("x" * SIZE, ["x" * SIZE]),  # just fits
]


@pytest.mark.parametrize(("said", "parts"), TEXTS)
def test_short_texts(said: str, parts: list[str]) -> None:
    assert _parts(said) == parts


def test_a_text_is_cut_between_paragraphs_first() -> None:
    first, second = SENTENCE * 10, SENTENCE * 9
    assert _parts(f"{first}\n\n{second}") == [first.rstrip(), second.rstrip()]


def test_else_between_sentences_and_what_stands_at_the_cut_is_in_both() -> None:
    parts = _parts(SENTENCE * 40)
    assert len(parts) > 2
    assert all(part.endswith("more.") for part in parts)
    for before, after in pairwise(parts):
        assert after.split(". ")[0] in before


def test_in_a_script_of_longer_letters_a_part_has_fewer() -> None:
    parts = _parts("打印机不再打印了。" * 100)
    assert max(map(len, parts)) <= SIZE // 3
    assert all(part.endswith("。") for part in parts)


def test_a_text_without_end_is_cut_so_far() -> None:
    assert len(_parts("word " * 1_000_000)) == MOST


@given(st.text(alphabet="ab .\n\u00e9打🖨", max_size=4_000))
def test_every_letter_is_in_some_part(said: str) -> None:
    covered: set[int] = set()
    begins = -1
    for span in cut(said):
        assert span.begins > begins  # so it ends
        begins = span.begins
        part = said[span.begins : span.begins + span.length]
        assert part.strip() == part
        assert 0 < len(part.encode()) <= SIZE
        covered |= set(range(span.begins, span.begins + span.length))
    assert all(letter.isspace() for at, letter in enumerate(said) if at not in covered)


@pytest.fixture
def held(database: Database, tables: EntityTables) -> Database:
    """One ticket, cut."""
    with database.writing() as connection:
        register_source(connection, TENANT, "desk", "zendesk")
        _write(connection, tables, subject="Printer", description=SENTENCE * 40)
        cut_due(connection, tables)
    return database


def _write(connection: Connection, tables: EntityTables, **values: Any) -> None:
    row = {
        "tenant_id": TENANT,
        "id": TICKET,
        "source": "desk",
        "stream": "tickets",
        "remote_id": "1",
        "synced_at": NOW,
        **values,
    }
    upsert_rows(connection, tables, "ticket", [row])


def _chunks(database: Database) -> Mapping[int, tuple[str, str]]:
    """The field and the text of each, by id."""
    with database.writing() as connection:
        found = connection.execute(
            text(
                "SELECT chunk_id, field, substr(CASE field WHEN 'subject' THEN subject ELSE"
                " description END, begins + 1, length) FROM remit.chunk JOIN entity.ticket"
                " ON id = row_id ORDER BY chunk_id"
            )
        )
        return {chunk_id: (field, said) for chunk_id, field, said in found}


def _of(database: Database, field: str) -> list[int]:
    return [chunk_id for chunk_id, (name, _) in _chunks(database).items() if name == field]


def _due(database: Database) -> int:
    with database.writing() as connection:
        count: int = connection.execute(text("SELECT count(*) FROM remit.chunk_due")).scalar_one()
        return count


def test_a_chunk_is_a_part_of_one_field(held: Database) -> None:
    found = list(_chunks(held).values())
    assert found[0] == ("subject", "Printer")
    assert [said for field, said in found if field == "description"] == _parts(SENTENCE * 40)
    assert _due(held) == 0


# What else is written of the row: a field that is not searched, and the same text again.
@pytest.mark.parametrize("values", [{"status": "OPEN"}, {"subject": "Printer", "live_at": NOW}])
def test_what_changes_no_text_makes_nothing_due(
    held: Database, tables: EntityTables, values: Mapping[str, Any]
) -> None:
    before = _chunks(held)
    with held.writing() as connection:
        _write(connection, tables, **values)
    assert (_due(held), _chunks(held)) == (0, before)


def test_a_changed_text_loses_its_chunks_at_once_and_others_keep_theirs(
    held: Database, tables: EntityTables
) -> None:
    others = _of(held, "description")
    with held.writing() as connection:
        _write(connection, tables, subject="Scanner")
    assert list(_chunks(held)) == others
    with held.writing() as connection:
        assert cut_due(connection, tables) == (1, 1)
    assert _of(held, "description") == others
    assert ("subject", "Scanner") in _chunks(held).values()


# Ways in which a row leaves: each in SQL, and whether it comes back when it is written again.
LEAVES = [
    "UPDATE entity.ticket SET deleted_at = now()",  # deleted at the source
    "DELETE FROM entity.ticket",  # purged, or erased, or of a source that is removed
    "UPDATE entity.ticket SET deleted_at = now(), subject = 'other'",  # both at once
]


@pytest.mark.parametrize("statement", LEAVES)
def test_a_row_that_leaves_takes_its_chunks_along(
    held: Database, tables: EntityTables, statement: str
) -> None:
    with held.writing() as connection:
        _write(connection, tables, subject="is due when it leaves")
    with held.writing() as connection:
        connection.execute(text(statement))
    assert (_due(held), _chunks(held)) == (0, {})
    with held.writing() as connection:
        _write(connection, tables, subject="back", description="again", deleted_at=None)
    assert _due(held) == 1


def test_chunks_of_rows_and_of_their_fields_are_counted(held: Database) -> None:
    with held.writing() as connection:
        assert count_chunks(connection, TENANT, [TICKET], fields=["subject"]) == 1
        assert count_chunks(connection, TENANT, [TICKET]) == len(_chunks(held))
        assert count_chunks(connection, "theirs", [TICKET]) == 0


def test_a_change_while_the_row_is_being_cut_waits_and_wins(
    held: Database, tables: EntityTables
) -> None:
    with held.writing() as connection:
        _write(connection, tables, subject="before")

    def change() -> None:
        with held.writing() as connection:
            _write(connection, tables, subject="after")

    changing = threading.Thread(target=change)
    with held.writing() as connection:
        cut_due(connection, tables)
        changing.start()
        _wait_for_a_lock(held)
    changing.join(30)
    assert _of(held, "subject") == []  # that of the old text is gone
    assert _due(held) == 1


def test_a_row_that_is_being_changed_is_not_cut(held: Database, tables: EntityTables) -> None:
    with held.writing() as connection:
        _write(connection, tables, subject="before")
    with held.writing() as changing:
        _write(changing, tables, subject="after")
        with held.writing() as connection:
            assert cut_due(connection, tables) == (0, 0)
    with held.writing() as connection:
        assert cut_due(connection, tables).rows == 1
    assert ("subject", "after") in _chunks(held).values()


def _wait_for_a_lock(database: Database) -> None:
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.writing() as connection:
            if connection.execute(waits).scalar_one():
                return


@pytest.fixture(scope="module")
def narrower() -> EntityTables:
    """Tables of a model in which a ticket's description is not searched."""
    specs = dict(load_model().specs)
    fields = dict(specs["ticket"].fields)
    fields["description"] = replace(fields["description"], search=False)
    return EntityTables({**specs, "ticket": replace(specs["ticket"], fields=fields)})


def test_a_field_that_is_no_longer_searched_has_no_chunks(
    held: Database, tables: EntityTables, narrower: EntityTables
) -> None:
    with held.writing() as connection:
        apply(connection, narrower)
    assert [field for field, _ in _chunks(held).values()] == ["subject"]
    with held.writing() as connection:
        cut_due(connection, narrower)
        apply(connection, tables)  # it is again
    assert _due(held) == 1
    with held.writing() as connection:
        assert cut_due(connection, tables).chunks == len(_parts(SENTENCE * 40))


def test_who_knows_another_model_than_was_migrated_cuts_nothing(
    held: Database, tables: EntityTables, narrower: EntityTables
) -> None:
    with held.writing() as connection:
        _write(connection, tables, subject="Scanner")
    with held.writing() as connection:
        assert cut_due(connection, narrower) == (0, 0)
        assert not is_anything_due(connection, narrower)
        assert is_anything_due(connection, tables)
        assert cut_due(connection, tables).rows == 1


def test_who_reads_does_not_wait_for_what_is_newly_watched(
    held: Database, tables: EntityTables, narrower: EntityTables
) -> None:
    with held.writing() as watching:
        watch_texts(watching, ENTITY_SCHEMA, narrower.searchable)
        with held.writing() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            connection.execute(text("SELECT FROM entity.ticket"))


def test_a_table_that_is_dropped_takes_its_chunks_along(
    held: Database, tables: EntityTables
) -> None:
    others = {name: spec for name, spec in load_model().specs.items() if name == "user"}
    with held.writing() as connection:
        apply(connection, EntityTables(others), drop=True)
        left = connection.execute(text("SELECT count(*) FROM remit.chunk")).scalar_one()
    assert (left, _due(held)) == (0, 0)


def test_spans_say_where_a_part_stands() -> None:
    assert list(cut("  short  ")) == [Span(2, 5)]

"""Chunks follow what syncs, erasures and removals do to the rows, in the same transaction."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from index.chunks import cut_due
from ingestion.erasure import Receipt, erase
from ingestion.workspace.removal import forget_source
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex

PATIENCE = 60


def _count(index: DeskIndex, table: str) -> int:
    return int(index.ask(f"SELECT count(*) FROM remit.{table}")[0]["count"])  # noqa: S608


def _cut(index: DeskIndex) -> int:
    with index.database.writing() as connection:
        return cut_due(connection, index.tables, limit=1_000).rows


def _erase(index: DeskIndex) -> Receipt:
    return erase(
        index.database,
        index.tables,
        index.model,
        tenant=TENANT,
        subject="p00007@c1.io",
        actor="dora",
        reason="request 17",
        sources=[index.source()],
    )


def test_a_sync_without_change_makes_nothing_due(desk_index: DeskIndex) -> None:
    desk_index.read()
    assert _cut(desk_index) > 0
    chunks = _count(desk_index, "chunk")
    desk_index.read(reconcile=True)
    assert (_count(desk_index, "chunk_due"), _count(desk_index, "chunk")) == (0, chunks)


def test_one_changed_text_makes_its_row_due(desk_index: DeskIndex) -> None:
    desk_index.read()
    _cut(desk_index)
    desk_index.desk.comments["m00001"]["text"] = "Something else"
    desk_index.read()
    (due,) = desk_index.ask("SELECT entity, row_id FROM remit.chunk_due")
    comment = desk_index.row("comment", "m00001")
    assert comment is not None
    assert (due["entity"], due["row_id"]) == ("comment", comment["id"])


def test_an_erased_person_leaves_no_chunk_and_the_receipt_counts_them(
    desk_index: DeskIndex,
) -> None:
    desk_index.desk.comments["m00001"]["text"] = "Ask p00007@c1.io"
    desk_index.read()
    _cut(desk_index)
    before = _count(desk_index, "chunk")
    # Of their comment, and of the description of their ticket.
    assert _erase(desk_index).removed["chunks"] == 2
    # And that of the comment in which their address was blotted out, until it is cut again.
    assert _count(desk_index, "chunk") == before - 3
    assert _cut(desk_index) > 0
    assert _count(desk_index, "chunk") == before - 2


def test_an_erasure_waits_for_who_is_cutting_and_nobody_for_the_erasure(
    desk_index: DeskIndex,
) -> None:
    desk_index.read()
    _cut(desk_index)
    desk_index.desk.tickets["t00007"] |= {
        "subject": "Due, and its description is cut already", "updated_at": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    desk_index.read("tickets")
    ticket = desk_index.row("ticket", "t00007")
    assert ticket is not None
    with ThreadPoolExecutor() as threads:
        with desk_index.database.writing() as cutting:
            assert cut_due(cutting, desk_index.tables).chunks == 1
            erasing = threads.submit(_erase, desk_index)
            _until_somebody_waits(desk_index)
            # As who cuts does with each part of a text.
            cutting.execute(
                text(
                    "INSERT INTO remit.chunk (tenant_id, entity, row_id, field, part, begins,"
                    " length, text_hash) VALUES (:tenant, 'ticket', :row, 'description', 0, 0, 1,"
                    " '') ON CONFLICT DO NOTHING"
                ),
                {"tenant": TENANT, "row": ticket["id"]},
            )
        erasing.result(PATIENCE)
    fields = text("SELECT field FROM remit.chunk WHERE row_id = :row")
    with desk_index.database.writing() as connection:
        found = connection.execute(fields, {"row": ticket["id"]}).scalars().all()
    assert found == ["subject"]


def _until_somebody_waits(index: DeskIndex) -> None:
    deadline = time.monotonic() + PATIENCE
    while not index.ask("SELECT FROM pg_locks WHERE NOT granted"):
        assert time.monotonic() < deadline


def test_a_source_that_is_removed_leaves_no_chunk(desk_index: DeskIndex) -> None:
    desk_index.read()
    _cut(desk_index)
    desk_index.desk.comments["m00001"]["text"] = "Due when it is removed"
    desk_index.read()
    with desk_index.database.writing() as connection:
        (name,) = connection.execute(text("SELECT name FROM remit.source")).scalars()
        forget_source(connection, desk_index.tables, desk_index.model, TENANT, name)
    assert (_count(desk_index, "chunk_due"), _count(desk_index, "chunk")) == (0, 0)

"""Without the mapping of a source, an erasure tells what it cannot search, and finishes later."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from ingestion.airbyte.origin import Origin
from ingestion.erasure import Receipt, Unsearched, erase, preview_erasure, read_mappings
from ingestion.source import Source
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex

ADDRESS = "p00007@c1.io"
PATIENCE = 60
BROKEN = {"desk": "mapping.yaml cannot be read"}


@pytest.fixture
def written(desk_index: DeskIndex, tmp_path: Path) -> DeskIndex:
    """A ticket whose description its record also holds in another form."""
    desk_index.remapped(tmp_path, "description: text", "description: [text, html]")
    desk_index.desk.tickets["t00007"] |= {"html": "<p>Words 7</p><p>Call me at home</p>"}
    desk_index.read()
    return desk_index


def _erase(
    index: DeskIndex,
    subject: str = ADDRESS,
    sources: Iterable[Source] = (),
    unreadable: dict[str, str] = BROKEN,
) -> Receipt:
    return erase(
        index.database, index.tables, index.model, tenant=TENANT, subject=subject, actor="dora",
        reason="request 17", sources=sources, unreadable=unreadable,
    )  # fmt: skip


def _html(index: DeskIndex) -> str:
    (held,) = index.ask("SELECT data ->> 'html' AS html FROM remit.record WHERE key = 't00007'")
    return str(held["html"])


def _unfinished(index: DeskIndex) -> int:
    """How many receipts say which records are still to be searched."""
    return len(index.ask("SELECT 1 FROM remit.erasure WHERE removed ? 'unfinished'"))


def test_all_else_is_erased_and_the_receipt_tells(written: DeskIndex) -> None:
    receipt = _erase(written)
    assert receipt.removed["rows"] == {"contact": 1, "comment": 1}
    ticket = written.row("ticket", "t00007")
    assert ticket is not None
    assert (ticket["requester_id"], ticket["description"]) == (None, None)
    assert "at home" in _html(written)
    assert receipt.unsearched == [Unsearched("desk", BROKEN["desk"], 1)]
    (kept,) = written.ask("SELECT removed -> 'unsearched' AS unsearched FROM remit.erasure")
    assert kept["unsearched"] == [{"source": "desk", "why": BROKEN["desk"], "records": 1}]


def test_erasing_again_with_the_mapping_finishes_it(written: DeskIndex) -> None:
    _erase(written)
    # As long as it cannot be read, it stays to be done.
    assert _erase(written).unsearched == [Unsearched("desk", BROKEN["desk"], 1)]
    assert _unfinished(written) == 1
    receipt = _erase(written, sources=[written.source()], unreadable={})
    assert (receipt.unsearched, receipt.removed["finished"]) == ([], 1)
    assert _html(written) == "[erased]"
    # The receipts go on telling how it was, but not of whose tickets.
    assert _unfinished(written) == 0
    told = written.ask("SELECT 1 FROM remit.erasure WHERE removed ? 'unsearched'")
    assert len(told) == 2
    assert not any(_erase(written).removed.values())


def test_a_row_is_finished_in_the_same_words(written: DeskIndex) -> None:
    person = written.row("contact", "p00007")
    assert person is not None
    name = f"contact:{person['id']}"
    assert len(_erase(written, name).unsearched) == 1
    assert _erase(written, name, sources=[written.source()]).removed["finished"] == 1
    assert _html(written) == "[erased]"


def test_words_that_came_again_meanwhile_go_as_well(written: DeskIndex) -> None:
    _erase(written)
    written.desk.tickets["t00007"] |= {"text": "More", "updated_at": "2026-02-01T00:00:00Z"}
    written.read("tickets")
    receipt = _erase(written, sources=[written.source()])
    assert receipt.removed["silenced"] == {"ticket": 1}
    ticket = written.row("ticket", "t00007")
    assert ticket is not None
    assert ticket["description"] is None


def test_a_record_that_is_gone_needs_no_search(written: DeskIndex) -> None:
    _erase(written)
    with written.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM remit.record WHERE key = 't00007'")
    assert _erase(written).unsearched == []


def test_a_preview_takes_nothing_over(written: DeskIndex) -> None:
    index = (written.database, written.tables, written.model)
    preview = preview_erasure(*index, tenant=TENANT, subject=ADDRESS, unreadable=BROKEN)
    assert preview.unsearched == [Unsearched("desk", BROKEN["desk"], 1)]
    _erase(written)
    done = preview_erasure(*index, tenant=TENANT, subject=ADDRESS, sources=[written.source()])
    assert done.removed["finished"] == 1
    assert _unfinished(written) == 1


def test_the_second_of_two_at_once_finishes_what_the_first_cannot(written: DeskIndex) -> None:
    with ThreadPoolExecutor() as threads:
        with written.database.writing() as connection:
            connection.execute(text("SELECT FROM remit.record WHERE key = 't00007' FOR UPDATE"))
            first = threads.submit(_erase, written)
            _until_waiting(written, 1)
            second = threads.submit(_erase, written, sources=[written.source()])
            _until_waiting(written, 2)
        assert len(first.result(PATIENCE).unsearched) == 1
        assert second.result(PATIENCE).removed["finished"] == 1
    assert _unfinished(written) == 0


def _until_waiting(index: DeskIndex, count: int) -> None:
    waiting = (
        "SELECT DISTINCT pid FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE NOT granted AND datname = current_database()"
    )
    deadline = time.monotonic() + PATIENCE
    while len(index.ask(waiting)) < count:
        assert time.monotonic() < deadline


def test_only_a_source_that_has_words_of_theirs_is_told(written: DeskIndex) -> None:
    for ticket in written.desk.tickets.values():
        if ticket["requester"] == "p00007":
            ticket |= {"text": "", "html": "", "updated_at": "2026-02-01T00:00:00Z"}
    written.read("tickets")
    assert _erase(written).unsearched == []


def test_why_no_mapping_tells(written: DeskIndex, tmp_path: Path) -> None:
    subjects = [f"p{number:05}@c{number % 6}.io" for number in (2, 3)]
    (one,) = _erase(written, subjects[0], unreadable={}).unsearched
    assert one.why == "it is not configured"
    written.unmap(tmp_path)
    (one,) = _erase(written, subjects[1], sources=[written.source()]).unsearched
    assert one.why == "its mapping does not say where tickets have the description of a ticket"


def test_mappings_are_read_without_credentials_or_connector(
    written: DeskIndex, tmp_path: Path
) -> None:
    missing = tmp_path / "gone.yaml"
    origins = {
        "shipped": Origin(connector="zendesk"),  # with none of its settings
        "package": Origin(package="airbyte-source-nowhere", mapping=written.mapping),
        "bare": Origin(image="airbyte/source-nowhere:1"),  # all its streams are kept as records
        "broken": Origin(package="airbyte-source-nowhere", mapping=missing),
    }
    read, unreadable = read_mappings(origins, written.model.specs)
    assert {source.name: bool(source.mapped) for source in read} == {
        "shipped": True, "package": True, "bare": False,
    }  # fmt: skip
    assert list(unreadable) == ["broken"]
    assert str(missing) in unreadable["broken"]

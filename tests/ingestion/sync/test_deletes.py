"""What the source no longer has leaves; what it only failed to tell stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from index.removal import purge
from index.writer import write_batch
from ingestion.sync.reconcile import is_too_much
from ingestion.sync.seen import Comparison
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex


def test_what_a_full_refresh_no_longer_brings_is_deleted(desk_index: DeskIndex) -> None:
    desk_index.read()
    del desk_index.desk.people["p00007"]
    report = desk_index.read_one("people")
    assert (report.deleted, report.written, report.complete) == (1, 0, True)
    assert "p00007" not in desk_index.keys("contact")
    (record,) = desk_index.ask("SELECT deleted_at FROM remit.record WHERE key = 'p00007'")
    assert record["deleted_at"] is not None
    # Once gone it is not missed again.
    assert desk_index.read_one("people").deleted == 0


def test_what_comes_back_is_there_again(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    person = desk_index.desk.people.pop("p00007")
    desk_index.read("people")
    desk_index.desk.people["p00007"] = person
    report = desk_index.read_one("people")
    assert (report.written, report.deleted) == (1, 0)
    assert "p00007" in desk_index.keys("contact")
    (record,) = desk_index.ask("SELECT deleted_at FROM remit.record WHERE key = 'p00007'")
    assert record["deleted_at"] is None


def test_accounts_that_are_gone_leave_their_customers(desk_index: DeskIndex) -> None:
    desk_index.read("companies")
    assert len(desk_index.rows("customer")) == 6
    del desk_index.desk.companies["c3"]
    assert desk_index.read_one("companies").deleted == 1
    assert {row["name"] for row in desk_index.rows("customer")} == {
        f"Company {number}" for number in (0, 1, 2, 4, 5)
    }


def test_incremental_stream_is_reconciled_only_when_asked(desk_index: DeskIndex) -> None:
    desk_index.read("tickets")
    del desk_index.desk.tickets["t00003"]
    assert desk_index.read_one("tickets").deleted == 0
    report = desk_index.read_one("tickets", reconcile=True)
    assert (report.read, report.written, report.deleted) == (59, 0, 1)
    assert "t00003" not in desk_index.keys("ticket")
    # It goes on from where it stood.
    assert desk_index.read_one("tickets").read < 59


def test_what_a_read_does_not_list_is_not_judged(desk_index: DeskIndex) -> None:
    """With a start date, what was modified before it never comes."""
    desk_index.read("tickets")
    since = {"start_date": "2026-01-01T00:00:30Z"}
    for key in ("t00000", "t00040"):
        del desk_index.desk.tickets[key]
    report = desk_index.read_one("tickets", reconcile=True, settings=since)
    assert (report.read, report.deleted, report.complete) == (29, 1, True)
    assert desk_index.row("ticket", "t00000") in desk_index.rows("ticket")


SHARES = [
    # held, missing, too much
    (100, 10, False),  # a tenth, and few
    (100, 19, False),  # more than a tenth, but few
    (100, 20, True),
    (1000, 100, False),
    (1000, 101, True),
    (3, 1, False),
    (2, 1, False),  # half
    (3, 2, True),  # most of it, however few
    (1, 1, True),
    (0, 0, False),
]


@pytest.mark.parametrize(("held", "missing", "too_much"), SHARES)
def test_a_share_that_looks_like_trouble(held: int, missing: int, too_much: bool) -> None:
    assert is_too_much(Comparison(held, missing)) == too_much


def test_too_many_are_only_removed_when_allowed(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    for number in range(30):
        del desk_index.desk.people[f"p{number:05}"]
    report = desk_index.read_one("people")
    assert (report.deleted, report.complete) == (0, False)
    assert (report.suspicion or "").startswith("30 of 60 records held did not come")
    assert "remit sync desk --reconcile --allow-deletes" in (report.suspicion or "")
    assert len(desk_index.keys("contact")) == 60
    (state,) = desk_index.ask("SELECT problem, synced_at < tried_at AS old FROM remit.stream_state")
    assert (state["problem"], state["old"]) == (report.suspicion, True)
    report = desk_index.read_one("people", reconcile=True, allow_deletes=True)
    assert (report.deleted, report.complete) == (30, True)
    assert len(desk_index.keys("contact")) == 30


def test_silence_deletes_nothing(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    desk_index.desk.people.clear()
    report = desk_index.read_one("people")
    assert (report.read, report.deleted, report.complete) == (0, 0, False)
    assert "brought nothing" in (report.suspicion or "")
    assert len(desk_index.keys("contact")) == 60


def test_refusal_that_the_connector_passes_over_deletes_nothing(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    desk_index.desk.refuses.add("people")
    report = desk_index.read_one("people", allow_deletes=True, reconcile=True)
    assert (report.deleted, report.complete) == (0, False)
    assert "refused a part" in (report.suspicion or "")
    assert "403" in (report.problem or "")
    assert len(desk_index.keys("contact")) == 60


def test_read_that_breaks_off_deletes_nothing(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    desk_index.desk.fails_after["people"] = 1
    report = desk_index.read_one("people", allow_deletes=True, reconcile=True)
    assert (report.read, report.deleted) == (50, 0)
    assert report.error is not None
    assert len(desk_index.keys("contact")) == 60


def test_what_changed_while_it_was_listed_stays(desk_index: DeskIndex) -> None:
    """A live read brings a person anew, and sees another, after the list has passed them by."""
    desk_index.read("people")
    del desk_index.desk.people["p00001"], desk_index.desk.people["p00002"]
    del desk_index.desk.people["p00003"]
    source = desk_index.source()
    mapper, stream = source.mapper("people", TENANT), source.stream("people", TENANT)

    def arrive(_: str) -> None:
        changed = {"id": "p00001", "name": "New name", "email": "p00001@c1.io", "company": "c1"}
        same = {"id": "p00002", "name": "Person 2", "email": "p00002@c2.io", "company": "c2"}
        now = datetime.now(UTC)
        read = [mapper.map(record, at=now).incoming for record in (changed, same)]
        with desk_index.database.writing() as connection:
            write_batch(connection, desk_index.tables, stream, read, at=now, live=True)

    desk_index.desk.on_request = arrive
    report = desk_index.read_one("people")
    assert report.deleted == 1
    assert {"p00001", "p00002"} <= desk_index.keys("contact")
    assert "p00003" not in desk_index.keys("contact")


def test_records_without_a_key_leave_it_open_who_is_gone(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    del desk_index.desk.people["p00007"]["id"]
    report = desk_index.read_one("people")
    assert (report.rejected, report.deleted) == (1, 0)
    assert any("without a key" in warning for warning in report.warnings)
    assert "p00007" in desk_index.keys("contact")


def test_purge_after_the_retention(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    del desk_index.desk.people["p00007"]
    desk_index.read("people")
    now = datetime.now(UTC)
    for before, purged in ((now - timedelta(days=30), 0), (now + timedelta(seconds=1), 1)):
        with desk_index.database.writing() as connection:
            assert purge(connection, desk_index.tables, TENANT, before) == (purged, purged)
    assert desk_index.row("contact", "p00007") is None
    assert desk_index.ask("SELECT key FROM remit.record WHERE key = 'p00007'") == []
    assert len(desk_index.rows("contact")) == 59

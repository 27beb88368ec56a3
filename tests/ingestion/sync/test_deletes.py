"""What the source no longer has leaves; what it only failed to tell stays."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index.database import clock
from index.removal import mark_deleted, purge
from index.writer import write_batch
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.reconcile import is_too_much
from ingestion.sync.report import StreamReport
from ingestion.workspace.source_config import SourceConfig
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk import desk as desk_module
from tests.ingestion.sync.desk.desk import DeskIndex, filled_desk


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
    assert is_too_much(held, missing) == too_much


def test_too_many_are_only_removed_when_allowed(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    for number in range(30):
        del desk_index.desk.people[f"p{number:05}"]
    report = desk_index.read_one("people")
    assert (report.deleted, report.complete) == (0, False)
    assert (report.suspicion or "").startswith("30 of 60 records held did not come")
    assert "remit sync desk --stream people --reconcile --allow-deletes" in (report.suspicion or "")
    assert len(desk_index.keys("contact")) == 60
    (state,) = desk_index.ask("SELECT problem, synced_at < tried_at AS old FROM remit.stream_state")
    assert (state["problem"], state["old"]) == (report.suspicion, True)
    report = desk_index.read_one("people", reconcile=True, allow_deletes=True)
    assert (report.deleted, report.complete) == (30, True)
    assert len(desk_index.keys("contact")) == 30


def test_what_a_read_brings_does_not_count_as_held(desk_index: DeskIndex) -> None:
    """The credentials are those of another account by now, a much larger one."""
    desk_index.read("people")
    desk_index.desk.people = filled_desk(700).people
    for number in range(60):
        del desk_index.desk.people[f"p{number:05}"]
    for written in (640, 0):  # nor does what came with a read that was not believed
        report = desk_index.read_one("people")
        assert (report.written, report.deleted) == (written, 0)
        assert (report.suspicion or "").startswith("60 of 60 records held did not come")


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


def test_what_is_found_gone_while_a_page_is_on_its_way_stays_gone(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    stream = desk_index.source().stream("people", TENANT)

    def find_gone(_: str) -> None:
        with desk_index.database.writing() as connection:
            at = clock(connection)
            mark_deleted(connection, desk_index.tables, stream, ["p00007"], at)

    desk_index.desk.on_request = find_gone
    assert desk_index.read("people").complete
    assert "p00007" not in desk_index.keys("contact")
    # It is there after all, as whoever reads after that finds.
    desk_index.desk.on_request = lambda _: None
    assert desk_index.read_one("people").written == 1
    assert "p00007" in desk_index.keys("contact")


def test_what_a_sync_finds_restored_after_it_found_it_deleted_is_there(
    desk_index: DeskIndex,
) -> None:
    """A list in the order of changes has both."""
    desk = desk_index.desk
    ticket = desk.tickets["t00007"]
    later = {"updated_at": "2026-01-01T00:02:00Z"}
    desk.tickets = {"gone": {**ticket, "status": "deleted"}, "back": {**ticket, **later}}
    assert desk_index.read("tickets", batch=1).complete
    assert desk_index.keys("ticket") == {"t00007"}


def test_what_is_found_gone_again_is_gone_since_the_first_time(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    stream = desk_index.source().stream("people", TENANT)
    for _ in range(2):
        with desk_index.database.writing() as connection:
            at = clock(connection)
            mark_deleted(connection, desk_index.tables, stream, ["p00007"], at)
        found = desk_index.ask(
            "SELECT held.deleted_at, row.deleted_at AS row FROM remit.record AS held"
            " JOIN entity.contact AS row ON row.remote_id = held.key WHERE key = 'p00007'"
        )
    assert found[0]["deleted_at"] == found[0]["row"] < at


def test_what_another_run_of_the_source_does_meanwhile_says_nothing_of_what_is_held(
    desk_index: DeskIndex,
) -> None:
    """It begins when this one has not come to the comments yet, and ends before that."""
    desk = desk_index.desk

    def sync_others(stream: str) -> None:
        desk.on_request = lambda _: None
        if stream == "people":
            assert desk_index.read("companies").complete

    desk.on_request = sync_others
    assert desk_index.read("people", "comments").complete
    del desk.comments["m00007"]
    report = desk_index.read_one("comments")
    assert (report.deleted, report.reconciled) == (1, True)


def test_what_left_the_window_of_a_read_while_it_ran_stays(desk_index: DeskIndex) -> None:
    """An edit makes a ticket later than all that the read asks for."""
    desk = desk_index.desk
    desk_index.read("tickets")
    del desk.tickets["t00003"]
    edited = {**desk.tickets["t00055"], "updated_at": "2026-01-01T00:02:00Z"}
    pages = 0

    def edit(_: str) -> None:
        nonlocal pages
        pages += 1
        if pages == 1:
            del desk.tickets["t00055"]
        else:
            desk.tickets["t00055"] = edited

    desk.on_request = edit
    report = desk_index.read_one("tickets", reconcile=True)
    assert (report.read, report.written, report.deleted) == (59, 1, 1)
    assert "t00055" in desk_index.keys("ticket")
    assert "t00003" not in desk_index.keys("ticket")


def test_what_slid_onto_a_page_already_read_stays(desk_index: DeskIndex) -> None:
    """A deletion on the first page moves what follows; the second begins one later."""
    desk = desk_index.desk
    desk_index.read("people")

    def delete(_: str) -> None:
        desk.people.pop("p00001", None)

    desk.on_request = delete
    report = desk_index.read_one("people")
    assert (report.written, report.unchanged, report.deleted) == (0, report.read, 0)
    assert "p00050" in desk_index.keys("contact")
    # The first page still had it, so the next read is the first to miss it.
    assert desk_index.read_one("people").deleted == 1
    assert "p00001" not in desk_index.keys("contact")


def test_only_a_read_that_lacks_something_is_repeated(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    desk_index.desk.requests.clear()
    desk_index.read("people")
    assert len(desk_index.desk.requests) == 2  # pages


def test_a_second_look_that_breaks_off_deletes_nothing(desk_index: DeskIndex) -> None:
    desk = desk_index.desk
    desk_index.read("people")
    del desk.people["p00007"]

    def fail_from_now_on(_: str) -> None:
        if len(desk.requests) == 2:
            desk.fails_after["people"] = 1

    desk.requests.clear()
    desk.on_request = fail_from_now_on
    report = desk_index.read_one("people")
    assert (report.deleted, report.complete) == (0, False)
    assert report.error is not None


def test_what_no_mapping_claims_is_deleted_only_when_asked(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    """Nobody has said that such a list is one of all that there is."""
    text = (Path(desk_module.__file__).parent / "mapping.yaml").read_text()
    people, tickets = text.index("  people:"), text.index("  tickets:")
    desk_index.mapping = tmp_path / "mapping.yaml"
    desk_index.mapping.write_text(
        "streams:\n"
        + text[people:tickets].replace(
            "        references:\n          account_id: {path: company, stream: companies}\n", ""
        )
    )
    desk_index.read("companies")
    del desk_index.desk.companies["c3"]
    report = desk_index.read_one("companies")
    assert (report.deleted, report.complete) == (0, True)
    assert desk_index.read_one("companies", reconcile=True).deleted == 1


_PROGRAM = """
import json, sys
from pathlib import Path

if sys.argv[1] == "discover":
    stream = {"name": "people", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    print(json.dumps({"type": "CATALOG", "catalog": {"streams": [stream]}}))
elif sys.argv[1] == "read":
    config = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_bytes())
    if config["skips"]:
        text = "Skipping a part: HTTP 403"
        print(json.dumps({"type": "LOG", "log": {"level": "INFO", "message": text}}))
    for key in config["keys"]:
        record = {"stream": "people", "data": {"id": key, "name": key}}
        print(json.dumps({"type": "RECORD", "record": record}))
"""


def test_what_a_process_no_longer_lists_is_deleted_only_when_asked(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    """It may list only what is recent, and without STATE that looks the same."""
    program, mapping = tmp_path / "program.py", tmp_path / "mapping.yaml"
    program.write_text(_PROGRAM)
    mapping.write_text(
        "streams: {people: {key: id, entities: [{entity: contact, fields: {name: name}}]}}"
    )
    origin = Origin(command=(sys.executable, "-I", str(program)), mapping=mapping)

    def read(*keys: str, reconcile: bool = False, skips: bool = False) -> StreamReport:
        config = SourceConfig("crm", "crm", {"keys": keys, "skips": skips}, origin=origin)
        return sync_source(
            desk_index.database,
            desk_index.tables,
            desk_index.model,
            Source(config, desk_index.model.specs),
            tenant=TENANT,
            reconcile=reconcile,
        ).stream("people")

    assert read("a", "b", "c").written == 3
    assert (read("a", "b").deleted, desk_index.keys("contact")) == (0, {"a", "b", "c"})
    doubtful = read("a", "b", reconcile=True, skips=True)
    assert (doubtful.deleted, doubtful.complete) == (0, True)
    assert any("may have refused a part" in warning for warning in doubtful.warnings)
    assert read("a", "b", reconcile=True).deleted == 1
    assert desk_index.keys("contact") == {"a", "b"}


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

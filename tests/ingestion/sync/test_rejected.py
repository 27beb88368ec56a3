"""Records that cannot be mapped: kept, replaced by newer versions, and replayed; and drift."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.replay import RejectedRecord, rejected, replay
from ingestion.workspace.source_config import SourceConfig
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex


def _rejected(index: DeskIndex) -> list[RejectedRecord]:
    return rejected(index.database, tenant=TENANT)


def test_the_newest_version_of_a_key_is_kept_and_a_good_one_clears_it(
    desk_index: DeskIndex,
) -> None:
    people = desk_index.desk.people
    desk_index.read("people")
    people["p00001"]["born_at"] = "once upon a time"
    report = desk_index.read_one("people")
    assert (report.rejected, report.written, report.deleted) == (1, 0, 0)
    people["p00001"] |= {"born_at": "long ago", "name": "Newer"}
    desk_index.read("people")
    (one,) = _rejected(desk_index)
    assert (one.source, one.stream) == ("desk", "people")
    assert one.reason == "field created_at: it is not a time"
    assert orjson.loads(one.raw) == people["p00001"]
    # The row is as the last good version made it.
    row = desk_index.row("contact", "p00001")
    assert row is not None
    assert (row["name"], row["deleted_at"]) == ("Person 1", None)
    people["p00001"]["born_at"] = "2001-02-03T00:00:00Z"
    assert desk_index.read_one("people").written == 1
    assert _rejected(desk_index) == []


def test_back_to_the_version_that_is_held_clears_it_too(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    before = dict(desk_index.desk.people["p00001"])
    desk_index.desk.people["p00001"]["born_at"] = "once upon a time"
    desk_index.read("people")
    desk_index.desk.people["p00001"] = before
    assert desk_index.read_one("people").written == 0
    assert _rejected(desk_index) == []


def test_replay_after_the_mapping_was_mended(desk_index: DeskIndex, tmp_path: Path) -> None:
    for key in ("p00001", "p00002"):
        desk_index.desk.people[key]["born_at"] = "03.02.2001"
    desk_index.desk.people["p00003"]["name"] = "nul \x00 character"
    desk_index.read("people")
    assert len(_rejected(desk_index)) == 3
    desk_index.remapped(tmp_path, ", created_at: born_at", "")
    desk_index.desk.requests.clear()
    (outcome,) = replay(
        desk_index.database,
        desk_index.tables,
        desk_index.model,
        desk_index.source(),
        tenant=TENANT,
        streams=["people"],
    )
    assert (outcome.accepted, outcome.rejected) == (2, 1)
    assert desk_index.desk.requests == []
    assert {"p00001", "p00002"} <= desk_index.keys("contact")
    (left,) = _rejected(desk_index)
    assert "NUL" in left.reason
    # A sync afterwards finds all as it is.
    assert desk_index.read_one("people").written == 0


def test_replay_does_not_bring_back_what_is_gone(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.read("people")
    desk_index.desk.people["p00001"]["born_at"] = "03.02.2001"
    desk_index.read("people")
    del desk_index.desk.people["p00001"]
    assert desk_index.read_one("people").deleted == 1
    assert _rejected(desk_index) == []
    desk_index.remapped(tmp_path, ", created_at: born_at", "")
    replay(
        desk_index.database, desk_index.tables, desk_index.model, desk_index.source(), tenant=TENANT
    )
    assert "p00001" not in desk_index.keys("contact")


def test_replay_of_accounts_makes_their_customers(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.desk.companies["c1"]["domains"] = {"not": "a list"}
    desk_index.read("companies")
    names = {row["name"] for row in desk_index.rows("customer")}
    desk_index.remapped(tmp_path, ", domains: domains", "")
    replay(
        desk_index.database, desk_index.tables, desk_index.model, desk_index.source(), tenant=TENANT
    )
    assert {row["name"] for row in desk_index.rows("customer")} - names == {"Company 1"}


# What repeats would be compressed.
_LONG = "".join(sha256(b"%d" % number).hexdigest() for number in range(100))

ODD: list[tuple[str, dict[str, Any], str]] = [
    # A key that is no text.
    ("id", {"id": {"a": 1}}, "it is an object or a list"),
    # Keys that Postgres cannot hold: half a surrogate pair, and a NUL.
    ("[[id]]", {"id": "p\ud800"}, "surrogates"),
    ("[[id]]", {"id": "p\x00"}, "NUL"),
    # More than fits into an index.
    ("id", {"id": _LONG}, "its key is longer than"),
    # A reference that is no text.
    ("id", {"id": "p00001", "company": {"id": "c1"}}, "field account_id: it is an object"),
    # Brackets in brackets.
    ("id", {"id": "p00001", "deep": orjson.loads("[" * 500 + "]" * 500)}, "Recursion"),
]


@pytest.mark.parametrize(("key", "record", "reason"), ODD)
def test_one_odd_record_does_not_stop_the_others(
    desk_index: DeskIndex, tmp_path: Path, key: str, record: dict[str, Any], reason: str
) -> None:
    desk_index.remapped(tmp_path, "key: id", f"key: {key}")
    desk_index.desk.people["p00001"] = record
    desk_index.desk.people["p00059"]["company"] = None
    for _ in range(2):  # the second compares what came with what is held
        report = desk_index.read_one("people")
        assert (report.read, report.rejected, report.deleted) == (60, 1, 0)
        assert report.complete
        assert len(desk_index.keys("contact")) == 59
    (one,) = _rejected(desk_index)
    assert reason in one.reason


_PROGRAM = """
import json, sys
from pathlib import Path

def content(name):
    return json.loads(Path(sys.argv[sys.argv.index(name) + 1]).read_bytes())

if sys.argv[1] == "discover":
    stream = {
        "json_schema": {}, "supported_sync_modes": ["full_refresh"],
        "source_defined_primary_key": [["id"]],
    }
    streams = [{"name": name, **stream} for name in ("deep", "flat")]
    print(json.dumps({"type": "CATALOG", "catalog": {"streams": streams}}))
elif sys.argv[1] == "read":
    name = content("--catalog")["streams"][0]["stream"]["name"]
    values = content("--config")["ids"] if name == "flat" else ["[" * 5000 + "]" * 5000]
    for value in values:
        data = '{"id": %s}' % value
        print('{"type": "RECORD", "record": {"stream": "%s", "data": %s}}' % (name, data))
"""


def _read_program(index: DeskIndex, folder: Path, reconcile: bool = False, **settings: Any) -> Any:
    """Sync from a connector that is a process: its records have an id, and nothing else."""
    program = folder / "program.py"
    program.write_text(_PROGRAM)
    origin = Origin(command=(sys.executable, "-I", str(program)))
    source = Source(SourceConfig("odd", "odd", settings, origin=origin), index.model.specs)
    return sync_source(
        index.database, index.tables, index.model, source, tenant=TENANT, reconcile=reconcile
    )


def test_what_a_process_sends_of_the_kind_does_not_stop_it_either(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    # Beyond 64 bits, and deeper than we can write it as text.
    odd = ["2" * 30, "[" * 1000 + "]" * 1000]
    report = _read_program(desk_index, tmp_path, ids=["1", *odd])
    assert report.stream("deep").error == "it sent a message that is not valid JSON"
    flat = report.stream("flat")
    assert (flat.written, flat.rejected, flat.complete) == (1, 2, True)
    assert len(_rejected(desk_index)) == 2


def test_records_set_aside_fill_a_batch_and_a_page_too(
    desk_index: DeskIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in memory like all others, when they are written and when they are replayed."""
    monkeypatch.setattr("ingestion.sync.turns.BATCH_BYTES", 1)
    monkeypatch.setattr("ingestion.sync.page.PAGE_BYTES", 1)
    for person in desk_index.desk.people.values():
        person["born_at"] = "long ago"
    told: list[int] = []
    desk_index.read("people", progress=lambda progress: told.append(progress.rejected))
    assert told == [*range(1, 61)]
    (done,) = replay(
        desk_index.database, desk_index.tables, desk_index.model, desk_index.source(),
        tenant=TENANT, streams=["people"],
    )  # fmt: skip
    assert (done.accepted, done.rejected) == (0, 60)


def test_start_date_that_is_no_time_deletes_nothing(desk_index: DeskIndex, tmp_path: Path) -> None:
    _read_program(desk_index, tmp_path, ids=["1", "2", "3"])
    report = _read_program(
        desk_index, tmp_path, reconcile=True, ids=["1", "2"], start_date="30 days ago"
    ).stream("flat")
    assert (report.deleted, report.complete) == (0, True)
    assert any("start_date" in warning for warning in report.warnings)


def test_deletion_that_cannot_be_mapped_is_one_all_the_same(desk_index: DeskIndex) -> None:
    desk_index.read("tickets")
    desk_index.desk.tickets["t00001"] |= {
        "status": "deleted", "due_at": "soon", "updated_at": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    report = desk_index.read_one("tickets")
    assert (report.deleted, report.rejected) == (1, 0)
    assert "t00001" not in desk_index.keys("ticket")
    # It is there again when the source has it again.
    desk_index.desk.tickets["t00001"] |= {
        "status": "open", "due_at": None, "updated_at": "2026-01-03T00:00:00Z",
    }  # fmt: skip
    desk_index.read("tickets")
    assert "t00001" in desk_index.keys("ticket")


def test_new_fields_are_named_once(desk_index: DeskIndex) -> None:
    assert desk_index.read_one("companies").new_fields == []
    desk_index.desk.companies["c1"] |= {"x_tier": "gold", "owner": "ann"}
    report = desk_index.read_one("companies")
    assert report.new_fields == ["owner", "x_tier"]
    assert any("owner, x_tier" in remark for remark in report.remarks)
    desk_index.desk.companies["c2"] |= {"x_tier": "blue"}
    assert desk_index.read_one("companies").new_fields == []
    row = desk_index.row("account", "c2")
    assert row is not None
    assert row["custom"] == {"x_tier": "blue"}
    known = desk_index.ask("SELECT field FROM remit.stream_field ORDER BY field")
    assert [row["field"] for row in known] == ["domains", "id", "name", "owner", "x_tier"]

"""Records that cannot be mapped: kept, replaced by newer versions, and replayed; and drift."""

from __future__ import annotations

from pathlib import Path

import orjson

from ingestion import RejectedRecord, rejected, replay
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


def test_replay_of_accounts_makes_their_customers(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.desk.companies["c1"]["domains"] = {"not": "a list"}
    desk_index.read("companies")
    names = {row["name"] for row in desk_index.rows("customer")}
    desk_index.remapped(tmp_path, ", domains: domains", "")
    replay(
        desk_index.database, desk_index.tables, desk_index.model, desk_index.source(), tenant=TENANT
    )
    assert {row["name"] for row in desk_index.rows("customer")} - names == {"Company 1"}


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

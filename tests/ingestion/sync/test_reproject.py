"""Rows made again from what is held, without the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.sync.report import Progress
from ingestion.sync.reproject import Reprojected, reproject
from ingestion.sync.runs import SyncInProgress, only_one
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex


def _reproject(index: DeskIndex, **options: Any) -> dict[str, Reprojected]:
    index.desk.requests.clear()
    done = reproject(
        index.database, index.tables, index.model, index.source(), tenant=TENANT, **options
    )
    assert index.desk.requests == []
    return {one.stream: one for one in done}


def _versions(index: DeskIndex) -> dict[str, Any]:
    return {
        entity: index.ask(f"SELECT ctid, xmin FROM entity.{entity}")  # noqa: S608
        for entity in ("account", "contact", "ticket", "comment")
    }


def test_without_a_change_nothing_is_written(desk_index: DeskIndex) -> None:
    desk_index.read()
    del desk_index.desk.people["p00007"]
    desk_index.read()
    before = _versions(desk_index)
    done = _reproject(desk_index)
    assert {one.records for one in done.values()} == {6, 60}
    assert {one.rewritten for one in done.values()} == {0}
    assert _versions(desk_index) == before


def test_records_too_large_for_a_page_together(
    desk_index: DeskIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sync.page.PAGE_BYTES", 1)
    desk_index.read("companies")
    desk_index.remapped(tmp_path, "name: name", "name: id")
    told: list[Progress] = []
    done = _reproject(desk_index, progress=told.append)
    assert done["companies"].rewritten == len(desk_index.keys("account")) == 6
    assert [one.read for one in told] == [1, 2, 3, 4, 5, 6]


def test_changed_mapping_changes_only_what_differs(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.desk.tickets["t00005"]["text"] = "Question 5"
    desk_index.read()
    desk_index.remapped(tmp_path, "description: text", "description: subject")
    done = _reproject(desk_index, batch=7)
    assert {name: one.rewritten for name, one in done.items()} == {
        "companies": 0, "people": 0, "tickets": 59, "comments": 0,
    }  # fmt: skip
    assert {row["description"] for row in desk_index.rows("ticket")} == {
        f"Question {number}" for number in range(60)
    }
    assert _reproject(desk_index)["tickets"].rewritten == 0


def test_the_same_as_a_first_sync_with_that_mapping(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.read()
    desk_index.remapped(tmp_path, "fields: {name: name, email: email", "fields: {name: id")
    _reproject(desk_index)
    rows = {entity: desk_index.rows(entity) for entity in ("account", "customer", "contact")}
    assert {row["name"] for row in rows["customer"]} == set(desk_index.desk.companies)
    with desk_index.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM remit.record; DELETE FROM entity.account")
    desk_index.read("companies")
    times = {"synced_at", "live_at"}
    for entity, before in rows.items():
        now = desk_index.rows(entity)
        assert [{k: row[k] for k in row.keys() - times} for row in now] == [
            {k: row[k] for k in row.keys() - times} for row in before
        ]


def test_what_is_gone_stays_gone_and_tombstones_follow_the_mapping(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.desk.tickets["t00001"]["status"] = "solved"
    desk_index.read()
    del desk_index.desk.people["p00007"]
    desk_index.read()
    desk_index.remapped(tmp_path, "deleted: {status: deleted}", "deleted: {status: solved}")
    assert _reproject(desk_index)["tickets"].rewritten == 1
    assert "t00001" not in desk_index.keys("ticket")
    assert "p00007" not in desk_index.keys("contact")
    desk_index.remapped(tmp_path, "deleted: {status: solved}", "deleted: {status: deleted}")
    _reproject(desk_index)
    assert "t00001" in desk_index.keys("ticket")
    assert desk_index.ask("SELECT key FROM remit.record WHERE deleted_at IS NOT NULL") == [
        {"key": "p00007"}
    ]


def test_record_that_cannot_be_mapped_keeps_its_row(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.read()
    desk_index.remapped(tmp_path, "due_at: due_at", "due_at: subject")
    done = _reproject(desk_index)["tickets"]
    assert (done.rewritten, done.unmappable) == (0, 60)
    assert done.reasons == ["field due_at: it is not a time"]
    assert len(desk_index.keys("ticket")) == 60


def test_record_whose_key_is_another_now_makes_no_row(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.read("comments")
    before = desk_index.rows("comment")
    desk_index.remapped(tmp_path, "key: id\n    entities:\n      - entity: comment",
                        "key: [id, ticket]\n    entities:\n      - entity: comment")  # fmt: skip
    done = _reproject(desk_index, streams=["comments"])["comments"]
    assert (done.rewritten, done.unmappable) == (0, 60)
    assert done.reasons == [
        "its key is another now: remit source remove desk --with-data, then sync anew"
    ]
    assert desk_index.rows("comment") == before


def test_entity_that_is_mapped_no_more_loses_its_rows(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.read()
    desk_index.remapped(
        tmp_path,
        "entity: contact\n        fields: {name: name,",
        "entity: user\n        fields: {name: name,",
    )
    text = (tmp_path / "mapping.yaml").read_text()
    # What only contacts have, and what leads only to contacts.
    for reference in (
        "        references:\n          account_id: {path: company, stream: companies}\n",
        "          requester_id: {path: requester, stream: people}\n",
    ):
        assert reference in text
        text = text.replace(reference, "", 1)
    (tmp_path / "mapping.yaml").write_text(text)
    _reproject(desk_index, streams=["people"])
    assert desk_index.keys("contact") == set()
    assert len(desk_index.keys("user")) == 60


def test_a_stream_that_is_being_synced_is_not_made_anew(desk_index: DeskIndex) -> None:
    """The sync would go on to write rows of the mapping with which it began."""
    desk_index.read()
    with (
        only_one(desk_index.database, TENANT, "desk", ["people"]),
        pytest.raises(SyncInProgress, match="desk, people is already running"),
    ):
        _reproject(desk_index)
    assert _reproject(desk_index)["people"].rewritten == 0

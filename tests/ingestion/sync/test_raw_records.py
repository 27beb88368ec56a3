"""Streams that no mapping claims: kept, read under policies, and rows of their own once mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from access_policies import Principal, Snapshot, load_policies
from index.stream import Stream
from ingestion.erasure import erase
from ingestion.mapping.raw_record import RawRecord
from ingestion.sync.reproject import reproject
from semantic_layer import Context, View
from semantic_layer.reader import Reader
from semantic_layer.schema import Schemas
from semantic_layer.splice import Question
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex
from tests.semantic_layer.world import NOW, write_policies

pytestmark = pytest.mark.anyio

_TICKETS_ONLY = """
streams:
  tickets:
    key: id
    entities:
      - {entity: ticket, fields: {number: id, subject: subject}}
"""
_SEARCH = """{ rawRecords(where: {content: {contains: "Question 7"}}) {
    totalCount nodes { label content provenance { source remoteId } } } }"""


async def _ask(index: DeskIndex, folder: Path, query: str, *rules: str) -> dict[str, Any]:
    """What a caller is answered of raw records under the rules."""
    written = write_policies(folder / "policies", {"raw_record": {"rules": list(rules)}})
    snapshot = Snapshot(load_policies(written, index.model.specs, index.model.callers))
    caller = Principal.create(
        tenant=TENANT,
        user="ann",
        agent=None,
        purpose=None,
        user_attributes={},
        agent_attributes={},
        declared=index.model.callers,
    )
    context = Context(principal=caller, snapshot=snapshot, now=NOW)
    reader = Reader(index.database, index.model, index.tables)
    schema = Schemas(index.model).of(View.of(index.model, context.visibility))
    result = await schema.execute(query, context_value=Question(reader, context))
    await index.database.reader.dispose()
    assert result.errors is None, result.errors
    return dict(orjson.loads(orjson.dumps(result.data))["rawRecords"])


async def test_they_are_searched_by_who_may_see_them_and_by_nobody_else(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.desk.tickets["t00007"]["subject"] = "Question 7 <script>x</script>\u202e"
    desk_index.unmap(tmp_path)
    desk_index.read()

    allowed = 'allow: raw_record.source_name == "desk" and raw_record.stream_name == "tickets"'
    found = await _ask(desk_index, tmp_path, _SEARCH, allowed)
    assert found["totalCount"] == 1
    (node,) = found["nodes"]
    assert (node["label"], node["provenance"]["remoteId"]) == ("Question 7", "t00007")
    content = orjson.loads(node["content"])
    assert content == {**desk_index.desk.tickets["t00007"], "subject": "Question 7"}

    other = 'allow: raw_record.stream_name == "people"'
    assert await _ask(desk_index, tmp_path, _SEARCH, other) == {"totalCount": 0, "nodes": []}


async def test_they_become_rows_once_they_are_mapped_and_are_records_no_more(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.unmap(tmp_path)
    desk_index.read()
    assert len(desk_index.rows("raw_record")) == 60 + 60 + 60 + 6
    assert desk_index.rows("ticket") == []

    (desk_index.mapping or tmp_path).write_text(_TICKETS_ONLY)
    desk_index.desk.requests.clear()
    source = desk_index.source()
    reproject(
        desk_index.database, desk_index.tables, desk_index.model, source, tenant=TENANT,
        streams=["tickets"],
    )  # fmt: skip
    assert desk_index.desk.requests == []
    assert len(desk_index.rows("ticket")) == 60
    assert {row["stream_name"] for row in desk_index.rows("raw_record")} == {
        "companies", "people", "comments",
    }  # fmt: skip


def test_one_that_changes_or_goes_does_so_as_a_record_too(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.unmap(tmp_path)
    desk_index.read("people")
    desk_index.desk.people["p00001"]["name"] = "Somebody Else"
    del desk_index.desk.people["p00002"]
    desk_index.read("people", reconcile=True)
    labels = {row["remote_id"]: row["label"] for row in desk_index.rows("raw_record")}
    assert labels["p00001"] == "Somebody Else"
    assert "p00002" not in labels
    assert len(labels) == 59


def _reproject(index: DeskIndex, *streams: str) -> int:
    """How many rows that rewrote."""
    done = reproject(
        index.database, index.tables, index.model, index.source(), tenant=TENANT, streams=streams
    )
    return sum(each.rewritten for each in done)


def test_made_anew_they_are_the_same(desk_index: DeskIndex, tmp_path: Path) -> None:
    desk_index.unmap(tmp_path)
    desk_index.read("tickets")
    assert _reproject(desk_index, "tickets") == 0


ADDRESS = "p00007@c1.io"


def _erase(index: DeskIndex) -> dict[str, Any]:
    receipt = erase(
        index.database, index.tables, index.model, tenant=TENANT, subject=ADDRESS, actor="dora",
        reason="request 17", sources=[index.source()],
    )  # fmt: skip
    return dict(receipt.removed)


def test_of_an_erased_person_no_record_from_before_the_mapping_is_left(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    mapped = desk_index.mapping
    desk_index.unmap(tmp_path)
    desk_index.read()
    desk_index.mapping = mapped
    desk_index.desk.people["p00007"]["name"] = "Now mapped"
    desk_index.read("people")  # nobody has reprojected what was there
    assert _erase(desk_index)["rows"] == {"contact": 1, "raw_record": 1}
    assert "Person 7" not in {row["label"] for row in desk_index.rows("raw_record")}


def test_a_record_that_goes_by_an_erased_address_goes(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.unmap(tmp_path)
    person = desk_index.desk.people["p00007"]
    person["id"] = ADDRESS.upper()
    desk_index.read("people")
    assert _erase(desk_index)["rows"] == {"raw_record": 1}
    person["name"] = "Somebody Else"
    desk_index.read("people")
    kept = {row["remote_id"] for row in desk_index.rows("raw_record")}
    assert (len(kept), ADDRESS.upper() in kept) == (59, False)
    assert desk_index.ask("SELECT key FROM remit.record WHERE key LIKE '%@%'") == []


# A record, and what it is called by.
LABELS: list[tuple[dict[str, Any], str | None]] = [
    ({"name": "Acme", "id": 7}, "Acme"),
    ({"name": " ", "subject": None, "id": 7}, "7"),  # of nothing, nothing is left
    ({"name": True, "label": {"en": "x"}, "key": "ACME-1"}, "ACME-1"),  # neither is a name
    ({"amount": 7}, None),
]


@pytest.mark.parametrize(("record", "label"), LABELS)
def test_what_a_record_is_called_by(record: dict[str, Any], label: str | None) -> None:
    row = RawRecord(Stream(tenant=TENANT, source="desk", name="things")).row(record)
    assert row["label"] == label

"""Single records read live, and that a later sync finds nothing to write about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingestion import LiveSources
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

pytestmark = pytest.mark.anyio


@pytest.fixture
async def live(synced: Index) -> AsyncIterator[LiveSources]:
    live = synced.live()
    yield live
    await live.close()


RECORDS: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    # source, vendor's kind, entity, what changes there, what the row says then
    ("freshdesk", "ticket", "ticket", {"status": 6}, {"status": "PENDING", "status_raw": "6"}),
    ("freshdesk", "company", "account", {"name": "Renamed"}, {"name": "Renamed"}),
    ("chargebee", "customer", "account", {"company": "Renamed"}, {"name": "Renamed"}),
    ("chargebee", "subscription", "subscription", {"status": "paused"}, {"status": "PAUSED"}),
    ("chargebee", "invoice", "invoice", {"status": "voided"}, {"status": "VOID"}),
    ("hubspot", "owners", "user", {"lastName": "Renamed"}, {}),
]


@pytest.mark.parametrize(("source", "kind", "entity", "change", "expected"), RECORDS)
async def test_a_record_is_as_the_source_has_it_now(
    synced: Index,
    live: LiveSources,
    source: str,
    kind: str,
    entity: str,
    change: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    key = synced.rows(entity, source=source)[0]["remote_id"]
    synced.simulator.change(source, kind, key, **change)
    assert list(await live.refresh(TENANT, [Wanted(source, entity, key)])) == []
    (row,) = [row for row in synced.rows(entity, source=source) if row["remote_id"] == key]
    assert {name: row[name] for name in expected} == expected
    assert row["live_at"] is not None
    report = synced.sync(source)
    assert {stream.stream: stream.written for stream in report.streams if stream.written} == {}


async def test_what_a_connector_cannot_read_singly_is_said(
    synced: Index, live: LiveSources
) -> None:
    # HubSpot gives only the properties that a request names, and the mapping cannot name them all.
    key = synced.rows("account", source="hubspot")[0]["remote_id"]
    (failure,) = await live.refresh(TENANT, [Wanted("hubspot", "account", key)])
    assert "does not give out a single account" in failure.reason

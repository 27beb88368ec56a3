"""Syncs and live reads that run at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, VENDORS, Index

Rows = list[Mapping[str, Any]]


def _customers(index: Index) -> set[frozenset[str]]:
    """The accounts of each customer, by their remote ids."""
    accounts = {row["id"]: row["remote_id"] for row in index.rows("account")}
    groups: dict[object, set[str]] = {}
    for link in index.ask("SELECT member_id, customer_id FROM remit.identity_link"):
        groups.setdefault(link["customer_id"], set()).add(accounts[link["member_id"]])
    return {frozenset(group) for group in groups.values()}


def test_sources_that_sync_at_once_find_the_same_customers(index: Index, synced: Index) -> None:
    with ThreadPoolExecutor(len(VENDORS)) as pool:
        reports = list(pool.map(index.sync, VENDORS))
    assert all(report.complete for report in reports)
    assert _customers(index) == _customers(synced)
    assert len(index.rows("customer")) == len(synced.rows("customer"))


@pytest.mark.anyio
async def test_live_reads_during_a_sync(synced: Index) -> None:
    """Each holds rows that the other wants; none must wait for ever, and nothing gets lost."""
    tickets = [row for row in synced.rows("ticket", source="zendesk") if row["status"] != "CLOSED"]
    for number, row in enumerate(tickets):
        synced.simulator.change("zendesk", "ticket", row["remote_id"], subject=f"New {number}")
    wanted = [Wanted("zendesk", "tickets", row["remote_id"]) for row in reversed(tickets)]
    live = synced.live()
    with ThreadPoolExecutor(1) as pool:
        sync = pool.submit(synced.sync, "zendesk")
        while not sync.done():
            assert await live.refresh(TENANT, wanted) == []
        assert sync.result().complete
    await live.close()
    subjects = {row["subject"] for row in synced.rows("ticket")}
    assert {f"New {number}" for number in range(len(tickets))} <= subjects

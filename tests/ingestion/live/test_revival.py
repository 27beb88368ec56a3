"""What was noted as deleted while a live read was under way stays deleted."""

from __future__ import annotations

import asyncio

import pytest

from index.database import clock
from index.removal import mark_deleted
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

pytestmark = pytest.mark.anyio

_PATIENCE = 30


async def test_a_read_that_began_before_a_deletion_does_not_revive(synced: Index) -> None:
    live = synced.live()
    key = synced.rows("ticket", source="zendesk")[0]["remote_id"]
    wanted = Wanted("zendesk", "tickets", key)
    synced.simulator.fault("zendesk", "slow", seconds=4)
    try:
        reading = asyncio.create_task(live.refresh(TENANT, [wanted]))
        async with asyncio.timeout(_PATIENCE):
            while not synced.calls("zendesk", f"/tickets/{key}"):
                await asyncio.sleep(0.02)
        stream = synced.source("zendesk").stream("tickets", TENANT)
        with synced.database.writing() as connection:
            mark_deleted(connection, synced.tables, stream, [key], clock(connection))
        synced.simulator.clear_faults("zendesk")
        assert await reading == []
        row = synced.row("ticket", key)
        assert row is not None
        assert row["deleted_at"] is not None
        # A read that begins now knows better.
        assert await live.refresh(TENANT, [wanted]) == []
        row = synced.row("ticket", key)
        assert row is not None
        assert row["deleted_at"] is None
    finally:
        synced.simulator.clear_faults("zendesk")
        await live.close()

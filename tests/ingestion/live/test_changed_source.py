"""A source that changes while a live read uses it, as it does after `remit apply`."""

from __future__ import annotations

import asyncio
import threading

import anyio.to_thread
import pytest
import requests
from requests.adapters import HTTPAdapter

from ingestion.live.sources import LiveSources
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

pytestmark = pytest.mark.anyio

_PATIENCE = 30


async def test_a_read_under_way_ends_before_its_connections_are_closed(
    synced: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [synced.source("zendesk")]
    live = LiveSources(
        synced.database, synced.tables, synced.model, lambda: sources,
        tenant=TENANT, seconds=_PATIENCE,
    )  # fmt: skip
    one, other = (
        Wanted("zendesk", "tickets", row["remote_id"])
        for row in synced.rows("ticket", source="zendesk")[:2]
    )
    under_way, changed = threading.Event(), threading.Event()
    closed: list[requests.Session] = []

    def hold_the_first(*_: object, **__: object) -> None:
        """Called when the client has chosen the connections to send by, and not sent yet."""
        if not under_way.is_set():
            under_way.set()
            assert changed.wait(_PATIENCE)

    close = requests.Session.close

    def close_and_tell(session: requests.Session) -> None:
        closed.append(session)
        close(session)

    monkeypatch.setattr(HTTPAdapter, "add_headers", hold_the_first)
    monkeypatch.setattr(requests.Session, "close", close_and_tell)
    reading = asyncio.create_task(live.refresh(TENANT, [one]))
    try:
        assert await anyio.to_thread.run_sync(under_way.wait, _PATIENCE)
        sources[:] = [synced.source("zendesk")]
        assert list(await live.refresh(TENANT, [other])) == []
        assert closed == []
    finally:
        changed.set()
    assert list(await reading) == []
    assert len(closed) == 1
    await live.close()
    assert len(set(closed)) == 2

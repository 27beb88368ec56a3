"""The budget of requests of a source: never more than it allows, and live reads before syncs."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from index.database import Database
from index.writer import register_source
from ingestion.airbyte.declarative import DeclarativeConnector
from ingestion.airbyte.manifest import documented_limit
from ingestion.airbyte.origin import Origin
from ingestion.live.sources import LiveSources
from ingestion.request_budget import Queue, RequestBudget
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer.freshness import Wanted
from tests.conftest import connected
from tests.ingestion.index_under_test import TENANT, Index, settings

_OTHER = "another-tenant"


@pytest.fixture
def registered(database: Database) -> Database:
    with database.writing() as connection:
        for tenant in (TENANT, _OTHER):
            register_source(connection, tenant, "zendesk", "zendesk")
    return database


def _at_most(per_minute: int, seconds: float) -> float:
    """What may be let through in so long a time, whenever it begins."""
    burst = max(2.0, per_minute / 6)
    return burst + seconds * (per_minute - burst) / 60


@pytest.mark.parametrize("per_minute", [6, 60, 6_000])
def test_several_machines_together_never_take_more_than_it_allows(
    registered: Database, per_minute: int
) -> None:
    with connected(registered.url) as another:
        machines = [
            RequestBudget(each, TENANT, "zendesk", per_minute) for each in (registered, another)
        ]
        began = time.monotonic()
        with ThreadPoolExecutor(4) as threads:
            live = [threads.submit(_take_for_a_second, machine.take) for machine in machines]
            blocks = [threads.submit(_take_for_a_second, each.take_block) for each in machines]
            taken = sum(one.result() for one in live)
            taken += sum(one.result() for one in blocks) * machines[0].block
        seconds = time.monotonic() - began
    assert 0 < taken <= _at_most(per_minute, seconds)
    # A whole minute of it is no more than a minute's requests, with what a sync took before.
    assert _at_most(per_minute, 60) <= per_minute + 1e-9


def _take_for_a_second(take: object) -> int:
    assert callable(take)
    ends, taken = time.monotonic() + 1.0, 0
    while time.monotonic() < ends:
        taken += bool(take())
    return taken


def test_a_sync_leaves_half_of_a_burst_to_live_reads(registered: Database) -> None:
    budget = RequestBudget(registered, TENANT, "zendesk", 60)  # ten at once, five of them for syncs
    blocks = 0
    while budget.take_block():
        blocks += 1
    assert 5 <= blocks <= 6
    assert [budget.take() for _ in range(4)] == [True] * 4
    # Another tenant's account is another budget.
    assert RequestBudget(registered, _OTHER, "zendesk", 60).take_block()


def test_a_clock_that_was_set_back_holds_nobody_up_for_long(registered: Database) -> None:
    budget = RequestBudget(registered, TENANT, "zendesk", 60_000)
    assert budget.take()
    with registered.writing() as connection:
        connection.execute(
            text("UPDATE remit.request_budget SET full_at = full_at + interval '1 day'")
        )
    ends = time.monotonic() + 30
    while not budget.take():
        assert time.monotonic() < ends


def test_who_waits_goes_when_nobody_wants_the_answer(registered: Database) -> None:
    budget = RequestBudget(registered, TENANT, "zendesk", 6)
    while budget.take():
        pass
    with pytest.raises(RuntimeError):
        Queue(budget).wait(lambda: True)
    stop = threading.Event()
    stop.set()
    with pytest.raises(RuntimeError):
        Queue(budget, stop).wait(lambda: False)


def _source(index: Index, per_minute: int) -> Source:
    given, origin = settings(index.simulator, "zendesk"), Origin(connector="zendesk")
    config = SourceConfig(
        "zendesk", "zendesk", given, origin=origin, requests_per_minute=per_minute
    )
    return Source(config, index.model.specs)


def test_each_request_of_a_sync_is_counted_and_a_sync_that_waited_says_so(index: Index) -> None:
    began = time.monotonic()
    report = _sync(index, 120)
    seconds = time.monotonic() - began
    assert report.complete
    sent = index.calls("zendesk")
    assert 10 < sent <= _at_most(120, seconds)
    waited = [stream for stream in report.streams if stream.waited]
    assert waited
    assert any("waited" in remark for stream in waited for remark in stream.remarks)


@pytest.mark.anyio
async def test_a_sync_and_live_reads_on_another_machine_send_no_more_together(
    synced: Index,
) -> None:
    keys = [row["remote_id"] for row in synced.rows("ticket", source="zendesk")[:10]]
    with connected(synced.database.url) as another:
        sources = [_source(synced, 120)]
        live = LiveSources(another, synced.tables, synced.model, lambda: sources, tenant=TENANT)
        began = time.monotonic()
        syncing = asyncio.create_task(asyncio.to_thread(_sync, synced, 120))
        failures = 0
        try:
            while not syncing.done():
                wanted = [Wanted("zendesk", "tickets", key) for key in keys]
                failures += len(await live.refresh(TENANT, wanted))
                await asyncio.sleep(0.2)
                if time.monotonic() - began > 3:
                    break
        finally:
            await live.close()
        assert (await syncing).complete
    seconds = time.monotonic() - began
    assert failures  # so both were held back
    assert 0 < synced.calls("zendesk") <= _at_most(120, seconds)


def _sync(index: Index, per_minute: int) -> SyncReport:
    source = _source(index, per_minute)
    return sync_source(index.database, index.tables, index.model, source, tenant=TENANT)


def test_requests_for_tokens_are_counted_like_all_others(index: Index) -> None:
    source = index.source("salesforce")
    assert isinstance(source.reader, DeclarativeConnector)
    admitted: list[object] = []
    source.reader.admit = admitted.append
    assert list(source.read("users", None, warn=lambda *_: None))
    client = source.client(lambda: admitted.append(None))
    try:
        client.get("/services/data/v62.0/limits")
    finally:
        client.close()
    assert index.calls("salesforce", "/services/oauth2/token") > 1
    assert len(admitted) == index.calls("salesforce")


def test_a_check_counts_what_it_sends(index: Index) -> None:
    source = _source(index, 60)
    with index.database.writing() as connection:
        register_source(connection, TENANT, "zendesk", "zendesk")
    source.queue(index.database, TENANT)
    before = time.monotonic()
    assert source.check({"organizations"}).ok
    sent = index.calls("zendesk")
    assert 0 < sent <= _at_most(60, time.monotonic() - before)
    with index.database.writing() as connection:
        taken = text("SELECT full_at > now() FROM remit.request_budget")
        assert connection.execute(taken).scalar_one()


@pytest.mark.anyio
async def test_a_live_read_without_a_request_left_is_told(synced: Index) -> None:
    sources = [_source(synced, 6)]
    live = LiveSources(synced.database, synced.tables, synced.model, lambda: sources, tenant=TENANT)
    keys = [row["remote_id"] for row in synced.rows("ticket", source="zendesk")[:3]]
    try:
        failures = [
            failure
            for key in keys
            for failure in await live.refresh(TENANT, [Wanted("zendesk", "tickets", key)])
        ]
    finally:
        await live.close()
    assert [failure.reason for failure in failures] == [
        "zendesk: the 6 requests a minute that it allows are used up."
    ]
    assert synced.calls("zendesk") == 2


DOCUMENTED = [
    # what the manifest says of its vendor's hosts holds for those alone
    ("https://acme.zendesk.com", 200),
    ("https://zendesk.com.example.org", None),
    ("http://127.0.0.1:8801", None),
    ("", None),
]


@pytest.mark.parametrize(("base_url", "expected"), DOCUMENTED)
def test_what_a_vendor_documents_holds_for_its_own_hosts(
    base_url: str, expected: int | None
) -> None:
    manifest = {"metadata": {"requests_per_minute": {"*.zendesk.com": 200}}}
    assert documented_limit(manifest, base_url) == expected

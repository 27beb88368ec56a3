"""A worker within the tests' own process: when it does a sync, when it waits, and how it stops.

Workers as processes, and what happens when they are killed, are in tests/api/test_workers.py.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from index.errors import ConfigurationError
from index.writer import register_source
from ingestion.airbyte.origin import Origin
from ingestion.schedule import Every, set_schedule
from ingestion.schedule import worker as worker_module
from ingestion.schedule.queue_tables import migrate_queue
from ingestion.schedule.stream_health import stream_health
from ingestion.schedule.worker import Worker
from ingestion.source import Source
from ingestion.sync.runs import only_one
from ingestion.workspace.definitions import retire
from ingestion.workspace.source_config import SourceConfig
from tests.ingestion.index_under_test import TENANT, Index

_RARELY = Every(86_400)
_PATIENCE = 60
_STREAMS = ("users", "organizations", "tickets", "comments")
_TICKETS = "/api/v2/incremental/tickets"


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers here look and try again more often; how often they do so is not what is tested."""
    monkeypatch.setattr(worker_module, "TICK", 0.2)
    monkeypatch.setattr(worker_module, "_AGAIN", 1)


@pytest.fixture
def scheduled(index: Index) -> Index:
    """An empty index, and Zendesk due to be synced."""
    with index.database.writing() as connection:
        migrate_queue(connection)
        register_source(connection, TENANT, "zendesk", "zendesk")
        set_schedule(connection, TENANT, "zendesk", None, _RARELY)
    return index


@contextmanager
def _working(index: Index, find: Callable[[str], Source] | None = None) -> Iterator[Worker]:
    """A worker in a thread, which is stopped and has ended when the context is left."""
    worker = Worker(index.database, index.tables, index.model, find or index.source, tenant=TENANT)
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        await worker.run()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        _wait_until(lambda: bool(loops), "the start")
        yield worker
    finally:
        loops[0].call_soon_threadsafe(worker.stop)
        thread.join(_PATIENCE)
        assert not thread.is_alive()


def _wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def _jobs(index: Index, attempts: int = 0) -> list[str]:
    """The status of each job there is that was begun at least so often before."""
    found = index.ask("SELECT status::text, attempts FROM remit_jobs.procrastinate_jobs")
    return [row["status"] for row in found if row["attempts"] >= attempts]


def _ended(index: Index) -> int:
    return len(index.ask("SELECT FROM remit.sync_run WHERE finished_at IS NOT NULL"))


def _rows(index: Index) -> dict[str, list[object]]:
    """All that syncs leave, but for what names the run."""
    found = index.contents()
    return {name: [dict(row) for row in rows] for name, rows in found.items() if name != "state"}


def test_a_sync_that_is_due_is_done_and_noted(scheduled: Index) -> None:
    with _working(scheduled) as worker:
        _wait_until(lambda: _ended(scheduled) == 1 and not _jobs(scheduled), "the sync")
    (run,) = scheduled.ask("SELECT * FROM remit.sync_run")
    assert (run["cause"], run["worker"]) == ("schedule", worker.name)
    assert run["report"].keys() == scheduled.source("zendesk").streams.keys()


def test_it_stops_after_a_batch_and_the_next_goes_on(scheduled: Index, synced: Index) -> None:
    scheduled.simulator.fault("zendesk", "slow", seconds=0.2)
    with _working(scheduled) as worker:
        _wait_until(lambda: scheduled.calls("zendesk", _TICKETS) > 0, "the middle of the sync")
    assert not worker.unfinished
    assert _ended(scheduled) == 0
    assert _jobs(scheduled) == ["todo"]
    scheduled.simulator.clear_faults("zendesk")
    with _working(scheduled):
        _wait_until(lambda: _ended(scheduled) == 1 and not _jobs(scheduled), "the rest")
    tickets = {row["remote_id"] for row in scheduled.rows("ticket")}
    assert tickets == {row["remote_id"] for row in synced.rows("ticket", source="zendesk")}


def test_a_stream_that_is_being_synced_is_waited_for(scheduled: Index) -> None:
    with _working(scheduled):
        with only_one(scheduled.database, TENANT, "zendesk", _STREAMS):
            _wait_until(lambda: _jobs(scheduled, attempts=1) == ["todo"], "an attempt")
            assert _ended(scheduled) == 0
        _wait_until(lambda: _ended(scheduled) == 1, "the sync")


def test_what_was_paused_while_its_job_waited_is_left_alone(scheduled: Index) -> None:
    with _working(scheduled):
        with only_one(scheduled.database, TENANT, "zendesk", _STREAMS):
            _wait_until(lambda: _jobs(scheduled, attempts=1) == ["todo"], "an attempt")
            scheduled.ask("UPDATE remit.source SET paused_at = now() RETURNING 1")
        _wait_until(lambda: not _jobs(scheduled), "the end of the job")
    assert scheduled.ask("SELECT FROM remit.sync_run") == []


@contextmanager
def _silent(scheduled: Index, folder: Path) -> Iterator[psutil.Process]:
    """A worker at a source of which it asks the streams; the connector, which does not answer."""
    program = folder / "connector.py"
    program.write_text("import time; time.sleep(3600)")
    origin = Origin(command=(sys.executable, "-I", str(program)))
    config = SourceConfig("zendesk", "silent", {}, origin=origin)
    found: list[psutil.Process] = []

    def asked() -> bool:
        running = psutil.process_iter(["cmdline"])
        found[:] = [one for one in running if str(program) in (one.info["cmdline"] or ())]
        return bool(found)

    with _working(scheduled, lambda _: Source(config, scheduled.model.specs)):
        _wait_until(asked, "the question")
        yield found[0]
    assert not found[0].is_running()


def test_a_worker_that_is_stopped_waits_for_no_answer(scheduled: Index, tmp_path: Path) -> None:
    with _silent(scheduled, tmp_path):
        pass
    assert _jobs(scheduled) == ["todo"]


@pytest.mark.parametrize("removed", [False, True])
def test_what_is_paused_or_removed_is_not_waited_for(
    scheduled: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture, removed: bool
) -> None:
    with caplog.at_level(logging.INFO, "remit.worker"), _silent(scheduled, tmp_path) as connector:
        if removed:
            with scheduled.database.writing() as connection:
                retire(connection, TENANT, "zendesk")
        else:
            scheduled.ask("UPDATE remit.source SET paused_at = now() RETURNING 1")
        _wait_until(lambda: not _jobs(scheduled), "the end of the job")
        assert not connector.is_running()
    assert scheduled.ask("SELECT FROM remit.sync_run") == []
    assert "zendesk" not in caplog.text


def test_what_cannot_be_synced_is_told_and_stops_nothing(
    scheduled: Index, caplog: pytest.LogCaptureFixture
) -> None:
    with scheduled.database.writing() as connection:
        for name in ("gone", "broken"):
            register_source(connection, TENANT, name, "zendesk")
            set_schedule(connection, TENANT, name, None, _RARELY)

    payload = "a text that " + "may hold anything"

    def find(name: str) -> Source:
        if name == "gone":
            raise ConfigurationError("There is no source gone any more.")
        if name == "broken":
            raise ValueError(payload)
        return scheduled.source(name)

    with caplog.at_level(logging.INFO, "remit.worker"), _working(scheduled, find):
        _wait_until(lambda: _ended(scheduled) == 1 and not _jobs(scheduled), "the sync")
    assert "gone: not synced: There is no source gone any more." in caplog.text
    assert "broken: not synced, for ValueError at" in caplog.text
    assert payload not in caplog.text


def test_a_reconcile_that_is_due_finds_what_is_gone(synced: Index) -> None:
    """Comments are the one stream of Zendesk of which nothing tells that they are gone."""
    with synced.database.writing() as connection:
        migrate_queue(connection)
        set_schedule(connection, TENANT, "zendesk", None, _RARELY, reconcile=True)
    synced.ask(
        "INSERT INTO remit.record SELECT tenant_id, source, stream, 'gone', data, content_hash,"
        " updated_at, synced_at FROM remit.record WHERE stream = 'comments' LIMIT 1 RETURNING 1"
    )
    synced.ask("UPDATE remit.schedule SET next_at = now() - interval '3 weeks' RETURNING 1")
    with _working(synced):
        _wait_until(lambda: _cause_of_ended(synced) == ["reconcile"], "the reconcile")
        _wait_until(lambda: not _jobs(synced), "its end")
    gone = synced.ask(
        "SELECT key FROM remit.record WHERE deleted_at IS NOT NULL AND stream = 'comments'"
    )
    assert [row["key"] for row in gone] == ["gone"]
    (state,) = synced.ask("SELECT * FROM remit.stream_state WHERE reconciled_at IS NOT NULL")
    assert (state["stream"], state["reconcile_problem"]) == ("comments", None)
    # Three were missed, and one catches them up.
    (schedule,) = synced.ask("SELECT next_at > now() AS ahead FROM remit.schedule")
    assert schedule["ahead"]


def test_a_reconcile_that_removes_nothing_says_so_until_the_next(synced: Index) -> None:
    with synced.database.writing() as connection:
        migrate_queue(connection)
        set_schedule(connection, TENANT, "zendesk", "comments", _RARELY, reconcile=True)
    synced.ask(
        "INSERT INTO remit.record SELECT tenant_id, source, stream, 'gone-' || key, data,"
        " content_hash, updated_at, synced_at FROM remit.record WHERE stream = 'comments'"
        " RETURNING 1"
    )
    synced.ask("UPDATE remit.schedule SET next_at = now() RETURNING 1")
    with _working(synced):
        _wait_until(lambda: bool(_cause_of_ended(synced)), "the reconcile")
    synced.sync("zendesk")
    with synced.database.writing() as connection:
        (comments,) = (
            each for each in stream_health(connection, TENANT) if each.stream == "comments"
        )
    assert comments.source == "zendesk"
    assert comments.problem is None
    way_out = "remit sync zendesk --stream comments --reconcile --allow-deletes"
    assert way_out in (comments.reconcile_problem or "")
    synced.sync("zendesk", reconcile=True, allow_deletes=True)
    with synced.database.writing() as connection:
        assert {each.reconcile_problem for each in stream_health(connection, TENANT)} == {None}


def test_reconciles_leave_room_for_syncs(synced: Index) -> None:
    """Two are due before a sync is, for a worker that does two things at once."""
    with synced.database.writing() as connection:
        migrate_queue(connection)
        for source, stream in (("zendesk", "comments"), ("stripe", "customers")):
            set_schedule(connection, TENANT, source, stream, _RARELY, reconcile=True)
        set_schedule(connection, TENANT, "salesforce", None, _RARELY)
    synced.ask(
        "UPDATE remit.schedule SET next_at = now() - interval '1 hour' WHERE reconcile RETURNING 1"
    )
    begun: list[str] = []
    may_go_on = threading.Event()

    def find(name: str) -> Source:
        if name != "salesforce":
            begun.append(name)
            assert may_go_on.wait(_PATIENCE)
        return synced.source(name)

    with _working(synced, find):
        try:
            _wait_until(lambda: _cause_of_ended(synced) == ["schedule"], "the sync")
            assert len(begun) == 1
        finally:
            may_go_on.set()
        _wait_until(lambda: not _jobs(synced), "the reconciles")
    assert sorted(begun) == ["stripe", "zendesk"]
    assert sorted(_cause_of_ended(synced)) == ["reconcile", "reconcile", "schedule"]


def _cause_of_ended(index: Index) -> list[str]:
    found = index.ask(
        "SELECT cause FROM remit.sync_run WHERE finished_at IS NOT NULL AND worker IS NOT NULL"
    )
    return [row["cause"] for row in found]


def test_the_tables_for_jobs_are_needed(index: Index) -> None:
    worker = Worker(index.database, index.tables, index.model, index.source, tenant=TENANT)
    with pytest.raises(ConfigurationError, match="remit migrate"):
        asyncio.run(worker.run())


def test_what_was_deleted_long_ago_goes_for_good(synced: Index) -> None:
    with synced.database.writing() as connection:
        migrate_queue(connection)
    old, young = "now() - interval '31 days'", "now() - interval '29 days'"
    keys = [str(row["remote_id"]) for row in synced.rows("ticket", source="zendesk")[:2]]
    for key, at in zip(keys, (old, young), strict=True):
        for table, column in (("remit.record", "key"), ("entity.ticket", "remote_id")):
            synced.ask(
                f"UPDATE {table} SET deleted_at = {at} WHERE {column} = '{key}' RETURNING 1"  # noqa: S608
            )
    with _working(synced):
        _wait_until(lambda: synced.row("ticket", keys[0]) is None, "the purge")
    assert synced.row("ticket", keys[1]) is not None
    left = synced.ask("SELECT key FROM remit.record WHERE stream = 'tickets'")
    assert keys[0] not in {row["key"] for row in left}
    assert keys[1] in {row["key"] for row in left}

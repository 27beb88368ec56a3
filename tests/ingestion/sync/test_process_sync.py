"""Syncs of a connector that is a process: its streams come through one, and each is its own."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync import turns
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.sync.runs import SyncInProgress
from ingestion.sync.stream_sync import SyncStopped
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model
from tests.ingestion.airbyte import test_one_process
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.forked import Forks

STREAMS = ("a", "b", "c")


class Scripted:
    """A source that says what it is told to, and an index of it."""

    def __init__(
        self,
        database: Database,
        model: Model,
        folder: Path,
        *,
        resumes: bool = False,
        mapping: Path | None = None,
    ) -> None:
        self._database = database
        self._model = model
        self._folder = folder
        places = {name: str(folder / name) for name in ("script", "starts")}
        self._command = (sys.executable, "-I", str(test_one_process.SCRIPTED))
        self._settings = {"streams": STREAMS, "resumes": resumes, **places}
        origin = Origin(command=self._command, mapping=mapping)
        config = SourceConfig("any", "any", self._settings, origin=origin)
        self._source = Source(config, model.specs)

    def sync(self, script: list[Any], **options: Any) -> SyncReport:
        (self._folder / "script").write_text(json.dumps(script))
        tables = EntityTables(self._model.specs)
        return sync_source(
            self._database, tables, self._model, self._source, tenant=TENANT, **options
        )

    def sync_and_die(self, mortal: Forks, script: list[Any], after: int) -> None:
        """Sync in a process of its own, which is killed after so many batches."""
        (self._folder / "script").write_text(json.dumps(script))
        order = {
            "url": self._database.url,
            "settings": {"any": self._settings},
            "command": self._command,
            "die_after": after,
        }
        mortal.start(json.dumps(order))
        assert mortal.wait() == -signal.SIGKILL

    def starts(self) -> list[Any]:
        """The streams that each process was asked for, and the state that it got."""
        return [json.loads(line) for line in (self._folder / "starts").read_text().splitlines()]

    def ask(self, statement: str) -> list[Any]:
        with self._database.writing() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def keys(self) -> dict[str, list[str]]:
        """The keys of what is held and alive, by stream."""
        alive = "SELECT stream, key FROM remit.record WHERE deleted_at IS NULL ORDER BY stream, key"
        found: dict[str, list[str]] = {name: [] for name in STREAMS}
        for stream, key in self.ask(alive):
            found[stream].append(key)
        return found


@pytest.fixture
def scripted(database: Database, model: Model, tmp_path: Path) -> Scripted:
    return Scripted(database, model, tmp_path)


def _in_turn(keys: int) -> list[Any]:
    """Records of all streams in turn, with a STATE after every tenth of each."""
    return [
        step
        for key in range(keys)
        for name in STREAMS
        for step in [["record", name, key], *([["state", name, key]] if key % 10 == 9 else [])]
    ]


def test_streams_in_turn_come_through_one_process(scripted: Scripted) -> None:
    report = scripted.sync(_in_turn(95), batch=20)
    assert report.complete
    assert [(one.stream, one.read, one.written) for one in report.streams] == [
        (name, 95, 95) for name in STREAMS
    ]
    assert {name: len(keys) for name, keys in scripted.keys().items()} == dict.fromkeys(STREAMS, 95)
    again = scripted.sync(_in_turn(95))
    assert [one.unchanged for one in again.streams] == [95] * 3
    (_, first), (_, second) = scripted.starts()
    assert first is None
    assert [one["stream"]["stream_state"]["id"] for one in second] == [89] * 3


@pytest.mark.parametrize("batches", [1, 6, 17, 29])
def test_a_killed_sync_of_streams_in_turn_goes_on_where_each_was(
    database: Database, model: Model, mortal: Forks, tmp_path: Path, batches: int
) -> None:
    """The connector sends nothing again that a STATE covers, so one kept too soon would show."""
    scripted = Scripted(database, model, tmp_path, resumes=True)
    scripted.sync_and_die(mortal, _in_turn(95), batches)
    before = sum(map(len, scripted.keys().values()))
    deadline = time.monotonic() + 30
    while not _is_whole(scripted):  # until Postgres has noticed that the locks are nobody's
        assert time.monotonic() < deadline
    whole = sorted(str(key) for key in range(95))
    assert scripted.keys() == dict.fromkeys(STREAMS, whole)
    assert 10 <= before < 3 * 95
    _, state = scripted.starts()[1]
    assert state  # so it did go on


def _is_whole(scripted: Scripted) -> bool:
    try:
        return scripted.sync(_in_turn(95)).complete
    except SyncInProgress:
        return False


def test_a_state_is_kept_though_no_record_came_since_the_last(scripted: Scripted) -> None:
    step = [["record", "a", 1], ["state", "a", 1], ["state", "a", 2]]
    assert scripted.sync(step, streams=["a"]).complete
    scripted.sync(step, streams=["a"])
    assert [one["stream"]["stream_state"] for one in scripted.starts()[1][1]] == [{"id": 2}]


def test_batches_that_are_full_by_their_bytes(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three streams in turn have a third of the bytes each."""
    monkeypatch.setattr(turns, "BATCH_BYTES", 90)
    told: list[int] = []
    script = [["record", name, key] for key in range(30) for name in STREAMS]
    assert scripted.sync(script, progress=lambda progress: told.append(progress.read)).complete
    assert len(told) > 15
    assert {name: len(keys) for name, keys in scripted.keys().items()} == dict.fromkeys(STREAMS, 30)


def test_a_process_that_dies_leaves_what_was_complete(scripted: Scripted) -> None:
    script = [
        *(step for key in range(3) for step in (["record", "a", key], ["record", "b", key])),
        ["status", "a", "COMPLETE"],
        ["state", "b", 2],
        ["record", "b", 3],
        ["die", "b"],
        ["record", "c", 1],
    ]
    report = scripted.sync(script)
    assert {one.stream: one.problem for one in report.streams} == {
        "a": None,
        "b": "the connector ended with signal 9",
        "c": None,
    }
    assert scripted.keys() == {"a": ["0", "1", "2"], "b": ["0", "1", "2", "3"], "c": ["1"]}
    fresh = "SELECT stream FROM remit.stream_state WHERE synced_at IS NOT NULL ORDER BY stream"
    assert scripted.ask(fresh) == [("a",), ("c",)]
    # It goes on from where it was.
    assert scripted.sync([["record", name, 9] for name in STREAMS]).complete
    ((asked, state),) = scripted.starts()[2:]
    assert asked == ["a", "b", "c"]
    assert [one["stream"]["stream_descriptor"]["name"] for one in state] == ["b"]


def test_what_one_stream_no_longer_brings_is_removed_of_it_alone(scripted: Scripted) -> None:
    scripted.sync([["record", name, key] for name in STREAMS for key in range(10)])
    # Of b nothing may be told, for it has failed; of c a key is gone that a still has.
    gone = [["record", "a", key] for key in range(10)]
    gone += [["record", "c", key] for key in range(9)] + [["fail", "b", "No."]]
    report = scripted.sync(gone, reconcile=True)
    assert [one.deleted for one in report.streams] == [0, 0, 1]
    assert {name: len(keys) for name, keys in scripted.keys().items()} == {"a": 10, "b": 10, "c": 9}


def test_a_silent_stream_is_never_fresh(scripted: Scripted) -> None:
    script = [["record", "a", 1], ["log", "Skipping stream b: HTTP 403"], ["record", "c", 1]]
    report = scripted.sync(script)
    assert report.stream("a").complete
    assert "refused a part" in (report.stream("b").suspicion or "")
    assert report.stream("c").complete


def test_what_came_and_is_gone_in_one_read_of_both_is_gone(
    database: Database, model: Model, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("streams: {a: {key: id}, b: {key: id, deletes: a}}")
    scripted = Scripted(database, model, tmp_path, mapping=mapping)
    script = [["record", "a", 1], ["record", "a", 2], ["record", "b", 1]]
    report = scripted.sync(script, streams=["a", "b"], batch=1)
    assert report.stream("b").deleted == 1
    assert scripted.keys()["a"] == ["2"]


def test_a_silent_process_is_stopped_at_once(scripted: Scripted) -> None:
    """It is waited for a quarter of an hour otherwise."""
    stop = threading.Event()
    script = [["record", "a", 1], ["state", "a", 1], ["rest", "a"], ["record", "b", 1]]
    with ThreadPoolExecutor(1) as aside:
        syncing = aside.submit(scripted.sync, script, stop=stop)
        deadline = time.monotonic() + 30
        while not scripted.keys()["a"]:  # from then on nothing comes any more
            assert time.monotonic() < deadline
        stop.set()
        assert isinstance(syncing.exception(timeout=30), SyncStopped)
    assert scripted.sync([["record", name, 2] for name in STREAMS]).complete
    _, (_, state) = scripted.starts()
    assert [one["stream"]["stream_state"] for one in state] == [{"id": 1}]


def test_a_record_of_20_mb_is_set_aside(scripted: Scripted) -> None:
    script = [["record", "a", 1], ["record", "a", 2, "x" * 20_000_000], ["record", "a", 3]]
    report = scripted.sync([*script, ["record", "b", 1], ["record", "c", 1]])
    assert report.complete
    assert report.stream("a").rejected == 1
    assert scripted.keys()["a"] == ["1", "3"]
    assert scripted.ask("SELECT reason FROM remit.rejected_record") == [
        ("it has more than 16 MiB",)
    ]

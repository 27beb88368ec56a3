"""How much two workers do against one, and how soon the sync of a dead one goes on.

Four sources read the same simulated Zendesk, which runs in a process of its own, as the workers do.
Each worker has started before the clock does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import text

from benchmarks.timing import Line
from index.database import Database
from index.writer import register_source
from ingestion.schedule import Every, set_schedule
from ingestion.schedule.queue_tables import migrate_queue

TENANT = "workers-bench"
SEED = 7
_SOURCES = ("zendesk-a", "zendesk-b", "zendesk-c", "zendesk-d")
_RARELY = Every(7 * 86_400)
_PATIENCE = 600
_SIMULATE = (
    "from ingestion.simulator import Simulator, build_company\n"
    "import json, sys\n"
    "simulator = Simulator(build_company(seed=int(sys.argv[1]), scale=float(sys.argv[2])))\n"
    "simulator.start()\n"
    "print(json.dumps({'base_url': simulator.zendesk_url,\n"
    "                  **simulator.credentials['zendesk']}), flush=True)\n"
    "sys.stdin.read()\n"
    "simulator.close()\n"
)


def measure(
    fresh: Callable[[str], AbstractContextManager[Database]],
    folder: Path,
    *,
    scale: float,
) -> list[Line]:
    """Sync four sources with one worker, then with two, each into an empty database that `fresh`
    makes; then kill one of two. `folder` takes settings and logs."""
    with _zendesk(scale) as settings:
        sources = folder / "sources.yaml"
        described = {name: {"connector": "zendesk", "settings": settings} for name in _SOURCES}
        sources.write_text(json.dumps({"sources": described}))  # which is YAML, too
        with fresh("workers_one") as database:
            one, records = _time(database, sources, workers=1)
        with fresh("workers_two") as database:
            two, same = _time(database, sources, workers=2)
        assert records == same
        with fresh("workers_killed") as database:
            taken_over = _time_to_take_over(database, sources)
    cores = len(os.sched_getaffinity(0))
    return [
        Line(
            what=f"two workers, four sources, {records:,} records",
            measured=f"{records / two.seconds:,.0f} records/s, {one.seconds / two.seconds:.2f} ×,"
            f" {cores} cores {two.busy:.0%} busy",
            reference=f"one worker {records / one.seconds:,.0f} records/s, {one.busy:.0%} busy",
            reach="≥ 1.6 × where there are cores",
        ),
        Line(
            what="sync of a killed worker goes on",
            measured=f"after {taken_over:.1f} s",
            reference="the kill",
            reach="≤ 15 s",
        ),
    ]


@dataclass(frozen=True)
class _Syncs:
    seconds: float
    busy: float  # share of all cores, with the vendor, Postgres and whatever else runs


def _time(database: Database, sources: Path, *, workers: int) -> tuple[_Syncs, int]:
    """What it takes until all sources are synced, and how many records there are then."""
    _prepare(database)
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(_worker(database, sources))
        _until(lambda: _ask(database, _REGISTERED) == workers)
        start = time.perf_counter()
        psutil.cpu_percent()  # the next one counts from here
        _schedule(database, _SOURCES)
        _until(lambda: _ask(database, _ENDED) == len(_SOURCES))
        syncs = _Syncs(time.perf_counter() - start, psutil.cpu_percent() / 100)
        return syncs, _ask(database, _RECORDS)


def _time_to_take_over(database: Database, sources: Path) -> float:
    """Seconds from SIGKILL in the middle of a sync until another worker has begun to go on."""
    _prepare(database)
    with _worker(database, sources) as one, _worker(database, sources) as two:
        _until(lambda: _ask(database, _REGISTERED) == 2)
        _schedule(database, _SOURCES[:1])
        _until(lambda: _ask(database, _RECORDS) > 0)
        victim = one if _ask(database, _WHOSE) == one.pid else two
        victim.kill()
        start = time.perf_counter()
        assert _ask(database, _ENDED) == 0, "the sync was over before the kill: use more data"
        _until(lambda: _ask(database, _BEGUN) == 2)
        return time.perf_counter() - start


_REGISTERED = "SELECT count(*) FROM remit_jobs.procrastinate_workers"
_BEGUN = "SELECT count(*) FROM remit.sync_run"
_ENDED = "SELECT count(*) FROM remit.sync_run WHERE finished_at IS NOT NULL"
_WHOSE = "SELECT split_part(worker, ':', 2)::integer FROM remit.sync_run"
_RECORDS = "SELECT count(*) FROM remit.record"


def _prepare(database: Database) -> None:
    with database.writing() as connection:
        migrate_queue(connection)


def _schedule(database: Database, sources: tuple[str, ...]) -> None:
    with database.writing() as connection:
        for name in sources:
            register_source(connection, TENANT, name, "zendesk")
            set_schedule(connection, TENANT, name, None, _RARELY)


def _ask(database: Database, question: str) -> int:
    with database.writing() as connection:
        return int(connection.execute(text(question)).scalar_one())


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come within {_PATIENCE} s")
        time.sleep(0.05)


@contextmanager
def _worker(database: Database, sources: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "REMIT_HOME": str(sources.parent),
        "REMIT_TENANT": TENANT,
        "REMIT_DATABASE_URL": database.url,
        "REMIT_SOURCES": str(sources),
        "REMIT_EMBEDDING": "false",  # it would share the cores
    }
    command = [sys.executable, "-m", "remit", "worker"]
    with (sources.parent / "worker.log").open("a") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def _zendesk(scale: float) -> Iterator[dict[str, str]]:
    """The settings of a source that reads the simulated Zendesk."""
    command = [sys.executable, "-c", _SIMULATE, str(SEED), str(scale)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        given = json.loads(process.stdout.readline())
        yield {name: given[name] for name in ("base_url", "email", "api_token")}
    finally:
        process.terminate()
        process.wait(timeout=30)

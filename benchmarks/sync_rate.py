"""How fast a source is synced, against the Airbyte CDK reading the same streams and nothing else.

The CDK is as it comes, and reads the same manifest. The simulated Zendesk runs in a process of its
own, so that it does not share the interpreter with its reader. Both read every stream; ours also
maps, writes and resolves customers. Each pair is also
compared by what the reading process takes of the processor, which other work on the machine
disturbs less; what Postgres takes is not in that.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
from sqlalchemy import text

from benchmarks import bare_cdk
from benchmarks.bare_cdk import Job, Reading
from benchmarks.timing import Line
from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.manifest import CONNECTORS
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

MANIFEST = CONNECTORS / "zendesk/manifest.yaml"
PORT = 18801
SEED = 7
TENANT = "sync-bench"
_STATES = text("SELECT stream, state FROM remit.stream_state WHERE tenant_id = :tenant")
_START_SECONDS = 60
_SERVE_AND_TELL_CREDENTIALS = (
    "from ingestion.simulator import Simulator, build_company\n"
    "import json, sys\n"
    "simulator = Simulator(build_company(seed=int(sys.argv[1]), scale=float(sys.argv[2])),\n"
    "                      ports=tuple(int(sys.argv[3]) + n for n in range(3)))\n"
    "print(json.dumps(simulator.credentials['zendesk']), flush=True)\n"
    "simulator.run_forever()\n"
)


def measure(database: Database, model: Model, *, scale: float) -> list[Line]:
    """Load the simulated Zendesk into an empty database; all again, and what changed, unchanged."""
    tables = EntityTables(model.specs)

    def sync(**options: Any) -> SyncReport:
        return sync_source(database, tables, model, source, tenant=TENANT, **options)

    with _simulated_zendesk(scale) as settings:
        origin = Origin(connector="zendesk")
        source = Source(SourceConfig("zendesk", "zendesk", settings, origin=origin), model.specs)
        logging.getLogger("airbyte").propagate = False  # as in the process of the bare CDK
        whole = Job(str(MANIFEST), settings, dict.fromkeys(source.streams))
        bare, first = bare_cdk.read(whole), _timed(sync)
        with database.writing() as connection:
            before = _versions(connection, tables)
            found = connection.execute(_STATES, {"tenant": TENANT})
            states: dict[str, Any] = {row.stream: row.state for row in found}
        # From the stored state on, Zendesk repeats its last two minutes: few records or none. All
        # have been read before.
        bare_news = bare_cdk.read(replace(whole, streams={**whole.streams, **states}, runs=3))
        news = _timed(sync)
        bare_again, again = bare_cdk.read(whole), _timed(lambda: sync(reconcile=True))
        with database.writing() as connection:
            rewritten = len(_versions(connection, tables) - before)
    held = sum(stream.read for stream in first.value.streams)
    return [
        Line(
            what=f"first load of {held:,} records",
            measured=_against(bare, first),
            reference=f"bare CDK {held / bare.seconds:,.0f} records/s",
            reach="≥ 0.8 ×",
        ),
        Line(
            what="all read again, no change",
            measured=f"{_against(bare_again, again)}; {rewritten} rows rewritten",
            reference=f"bare CDK {held / bare_again.seconds:,.0f} records/s",
            reach="≥ 0.95 ×, 0 rows",
        ),
        Line(
            what="from the stored state on, no change",
            measured=f"{news.seconds / bare_news.seconds:.2f} × the time,"
            f" {news.processor / bare_news.processor:.2f} × the processor",
            reference=f"bare CDK {bare_news.seconds:.2f} s",
            reach="≤ 1.2 ×",
        ),
        Line(
            what="memory of the process that synced",
            measured=f"{psutil.Process().memory_info().rss / 1e6:,.0f} MB",
            reference=f"{held:,} records",
            reach="≤ 500 MB",
        ),
    ]


@dataclass(frozen=True)
class _Timed:
    value: SyncReport
    seconds: float
    processor: float


def _timed(action: Callable[[], SyncReport]) -> _Timed:
    start, processor = time.perf_counter(), time.process_time()
    value = action()
    return _Timed(value, time.perf_counter() - start, time.process_time() - processor)


def _against(bare: Reading, ours: _Timed) -> str:
    """Our rate, and as a share of the bare one: by the clock, and of the processor."""
    read = sum(stream.read for stream in ours.value.streams)
    rate, reference = read / ours.seconds, bare.records / bare.seconds
    effort = (bare.processor / bare.records) / (ours.processor / read)
    return f"{rate:,.0f} records/s, {rate / reference:.2f} × ({effort:.2f} × by the processor)"


def _versions(connection, tables: EntityTables) -> set[tuple[str, ...]]:  # type: ignore[no-untyped-def]
    """Where each version of each row stands: a rewritten row stands elsewhere."""
    found: set[tuple[str, ...]] = set()
    for name in tables:
        version = text(f"SELECT '{name}', ctid::text, xmin::text FROM entity.{name}")  # noqa: S608
        rows = connection.execute(version)
        found |= {tuple(row) for row in rows}
    return found


@contextmanager
def _simulated_zendesk(scale: float) -> Iterator[dict[str, object]]:
    command = [sys.executable, "-c", _SERVE_AND_TELL_CREDENTIALS, str(SEED), str(scale), str(PORT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        credentials = json.loads(process.stdout.readline())
        base_url = f"http://127.0.0.1:{PORT + 1}"
        _wait_for(base_url)
        yield {
            "base_url": base_url,
            "email": credentials["email"],
            "api_token": credentials["api_token"],
        }
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"the simulator did not answer at {url} within {_START_SECONDS} s")

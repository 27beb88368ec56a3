"""How fast a source is loaded, against the Airbyte CDK reading the same streams and nothing else.

The simulated Zendesk runs in a process of its own, so that it does not share the interpreter with
its reader. Both read every stream whole; ours also maps, writes and resolves customers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from sqlalchemy import text

from benchmarks.timing import Line
from index.database import Database
from index.entity_tables import EntityTables
from ingestion import Source, SourceConfig, sync_source
from ingestion.airbyte.in_process import read_stream
from semantic_layer import Model

PORT = 18801
SEED = 7
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
    """Load the simulated Zendesk into an empty database; then again, with nothing changed."""
    tables = EntityTables(model.specs)
    with _simulated_zendesk(scale) as settings:
        source = Source(SourceConfig("zendesk", "zendesk", settings), model.specs)
        bare = _bare_rate(source)
        first = sync_source(database, tables, model, source, tenant="sync-bench")
        with database.writing() as connection:
            before = _versions(connection, tables)
        again = sync_source(database, tables, model, source, tenant="sync-bench")
        with database.writing() as connection:
            rewritten = len(_versions(connection, tables) - before)
    read = sum(stream.read for stream in first.streams)
    seconds = sum(stream.seconds for stream in first.streams)
    rate = read / seconds
    return [
        Line(
            what=f"first load of {read:,} records",
            measured=f"{rate:,.0f} records/s, {rate / bare:.2f} ×",
            reference=f"bare CDK {bare:,.0f} records/s",
            reach="≥ 0.8 ×",
        ),
        Line(
            what="sync with no change",
            measured=f"{rewritten} rows rewritten, {sum(s.written for s in again.streams)} records",
            reference=f"{read:,} records held",
            reach="0 rows",
        ),
    ]


def _bare_rate(source: Source) -> float:
    """Records a second that the CDK reads, over all streams."""
    records = 0
    start = time.perf_counter()
    for stream in source.streams:
        for item in read_stream(source.manifest, source.settings, stream, None, logger="bare"):
            records += isinstance(item, dict)
    return records / (time.perf_counter() - start)


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

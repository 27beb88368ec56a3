"""One long stream: how fast it is loaded, in how much memory, and what one change in it costs.

`REMIT_BENCH_RECORDS` says how long (100,000 unless set). Each contender is a process of its own and
reads the same server, one after the other. PyAirbyte is among them when `REMIT_PYAIRBYTE` names a
Python that has `airbyte` installed, and not otherwise: what it needs cannot stand beside Remit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks import bare_cdk
from benchmarks.bare_cdk import COMMAND, Job
from benchmarks.timing import Line
from index.database import Database

RECORDS = int(os.environ.get("REMIT_BENCH_RECORDS", "100_000"))
_CHANGES = 7
_LOOK_SECONDS = 0.05
FOLDER = Path(__file__).resolve().parent / "feed"
_PYAIRBYTE = FOLDER / "pyairbyte_reader.py"


def measure(database: Database) -> list[Line]:
    """Load an empty database; PyAirbyte loads another schema of the same one."""
    with _server(RECORDS) as base_url:
        whole = Job(str(FOLDER / "manifest.yaml"), {"base_url": base_url}, {"tickets": None})
        bare, reader = _run(COMMAND, whole.json()), _contender("reader", base_url)
        rival = _rival(base_url, database)
        ours = _contender("sync", base_url, database.url, str(_CHANGES))
        since = replace(whole, streams={"tickets": ours.found["state"]}, runs=_CHANGES)
        news, news_bare = median(ours.found["news"]), bare_cdk.read(since)
    if (
        news_bare.records > 2
    ):  # the one that changed, and the one before it, whose time is the state
        raise AssertionError(f"one ticket changed, the bare CDK read {news_bare.records}")
    return [
        _load(ours, bare, "bare CDK", reach="≥ 0.8 ×"),
        _load(ours, reader, "only read by Remit"),
        _memory(ours, bare, "bare CDK", reach="≤ 500 MB at 1,000,000"),
        *(line(ours, rival, "PyAirbyte") for line in (_load, _memory) if rival is not None),
        Line(
            what=f"one record changed in {ours.records:,}, p50 of {_CHANGES}",
            measured=f"{news * 1000:.0f} ms, {news / news_bare.seconds:.2f} ×",
            reference=f"bare CDK from the same state {news_bare.seconds * 1000:.0f} ms",
            reach="≤ 1.2 ×",
        ),
    ]


def _load(ours: _Reading, other: _Reading, name: str, reach: str = "-") -> Line:
    return Line(
        what=f"first load of one stream of {ours.records:,} records",
        measured=f"{ours.rate:,.0f} records/s, {ours.rate / other.rate:.2f} ×",
        reference=f"{name} {other.rate:,.0f} records/s",
        reach=reach,
    )


def _memory(ours: _Reading, other: _Reading, name: str, reach: str = "-") -> Line:
    return Line(
        what="memory of the process at its highest",
        measured=f"{ours.megabytes:,.0f} MB",
        reference=f"{name} {other.megabytes:,.0f} MB",
        reach=reach,
    )


@dataclass(frozen=True)
class _Reading:
    found: Mapping[str, Any]
    megabytes: float  # resident, at its highest

    @property
    def records(self) -> int:
        return int(self.found["records"])

    @property
    def rate(self) -> float:
        return self.records / float(self.found["seconds"])


def _contender(*arguments: str) -> _Reading:
    return _run([sys.executable, "-m", "benchmarks.feed.contender", *arguments])


def _rival(base_url: str, database: Database) -> _Reading | None:
    python = os.environ.get("REMIT_PYAIRBYTE")
    if not python:
        return None
    with database.writing() as connection:
        connection.execute(text("CREATE SCHEMA pyairbyte"))
    url = make_url(database.url).set(drivername="postgresql")
    where = url.render_as_string(hide_password=False)
    reading = _run([python, str(_PYAIRBYTE), base_url, where])
    with database.writing() as connection:
        held = connection.execute(text("SELECT count(*) FROM pyairbyte.tickets")).scalar_one()
    if held != reading.records:
        raise AssertionError(f"PyAirbyte read {reading.records} records and holds {held}")
    return reading


def _run(command: Sequence[str], told: str = "") -> _Reading:
    """Run a process that prints its figures last, and see how large it becomes meanwhile."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(told)
        process.stdin.close()
        watched, highest = psutil.Process(process.pid), 0
        while process.poll() is None:
            # Not from the kernel's own account of a child: that counts from before it was one.
            with suppress(psutil.Error):
                highest = max(highest, watched.memory_info().rss)
            time.sleep(_LOOK_SECONDS)
        *_, found = (process.stdout.read() if process.stdout else "").splitlines() or [""]
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} … ended with {process.returncode}")
    return _Reading(json.loads(found), highest / 1e6)


@contextmanager
def _server(count: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.feed.server", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=20)

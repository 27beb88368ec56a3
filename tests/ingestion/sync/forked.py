"""Syncs in processes that can be killed: of the help desk, and whatever another module serves.

`python -m tests.ingestion.sync.forked URL DESK` imports all it needs once and then, for each line
it reads, forks a process that syncs: importing takes longer than a small sync, and getting ready
about as long, when there is nothing yet to be killed. It answers with the process id, and when that
process has ended with how.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from index.database import Database
from index.entity_tables import EntityTables
from index.errors import Unavailable
from ingestion.source import Source
from ingestion.sync.job import sync_source
from semantic_layer import Model, load_model
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import desk_source

_ROOT = Path(__file__).parents[3]
BATCH = 20
COMPLETE, INCOMPLETE, WITHOUT_DATABASE = range(3)


class Forks:
    """The process that forks, which runs a module that `serve`s; use it in a `with` block."""

    def __init__(self, *arguments: str, module: str = __name__) -> None:
        self._command = [sys.executable, "-m", module, *arguments]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._line()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def start(self, order: str = "sync") -> int:
        """Begin a sync, as told in a line if it matters; returns the process to kill."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """How the sync ended: one of the constants above, or minus the signal that killed it."""
        return os.waitstatus_to_exitcode(int(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        return line


def serve(run: Callable[[str], int]) -> None:
    """Run each order that comes in a process of its own, which ends with what `run` returns."""
    print("ready", flush=True)
    for order in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(run(order))
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def _serve_desk(database_url: str, desk_url: str) -> None:
    model = load_model()
    tables, source = EntityTables(model.specs), desk_source(desk_url, model)
    assert source.streams
    serve(lambda _: _sync(database_url, tables, model, source))


def _sync(database_url: str, tables: EntityTables, model: Model, source: Source) -> int:
    try:
        report = sync_source(
            Database(database_url), tables, model, source, tenant=TENANT, batch=BATCH
        )
    except Unavailable:
        return WITHOUT_DATABASE
    return COMPLETE if report.complete else INCOMPLETE


if __name__ == "__main__":
    _serve_desk(*sys.argv[1:])

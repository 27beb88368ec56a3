"""What is to be seen while sources are synced: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from ingestion.sync.report import Progress

_EACH = 10.0  # seconds between two lines about the same stream

Totals = Mapping[tuple[str, str], int]
"""About how many records will be read, by source and stream, where that is known."""


class Shown(Protocol):
    """Tells how far syncs are; to be called by any thread."""

    def begin(self, source: str) -> None:
        """A source is being connected to."""
        ...

    def show(self, progress: Progress) -> None:
        """A batch has been written."""
        ...

    def end(self, source: str) -> None:
        """Nothing more comes from the source, for better or worse."""
        ...


@contextmanager
def shown(console: Console, totals: Totals | None = None) -> Iterator[Shown]:
    """Show the progress of syncs for as long as the context is open."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Bars(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[counts]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        yield _Bars(bars, totals or {})


@dataclass
class _Bars:
    """A bar for each stream, without end where it is not known how many records there are."""

    bars: Bars
    totals: Totals
    _tasks: dict[str, tuple[str, TaskID]] = field(default_factory=dict)
    _since: dict[TaskID, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, source: str) -> None:
        with self._lock:
            self._tasks[source] = "", self._add(f"{source}: connecting", None)

    def show(self, progress: Progress) -> None:
        source, stream = progress.source, progress.stream
        with self._lock:
            last, task = self._tasks[source]
            if stream != last:
                if last:
                    self._finish(task)
                    task = self._add("", None)
                self._tasks[source] = stream, task
                self.bars.update(
                    task, description=f"{source}, {stream}", total=self.totals.get((source, stream))
                )
            seconds = time.monotonic() - self._since[task]
            counts = f"{_counts(progress)}, {progress.read / max(seconds, 0.1):,.0f}/s"
            self.bars.update(task, completed=progress.read, counts=counts)

    def end(self, source: str) -> None:
        with self._lock:
            self._finish(self._tasks[source][1])

    def _add(self, description: str, total: int | None) -> TaskID:
        task = self.bars.add_task(description, total=total, counts="")
        self._since[task] = time.monotonic()
        return task

    def _finish(self, task: TaskID) -> None:
        self.bars.update(task, total=1, completed=1)


@dataclass
class _Lines:
    """A line for each stream, and more while it takes long."""

    console: Console
    _last: dict[str, tuple[Progress, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, source: str) -> None:
        """What is being tried is told when something has come of it."""

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        with self._lock:
            before, said_at = self._last.get(progress.source, (progress, now))
            if before.stream != progress.stream:
                self._say(before)
                said_at = now
            elif now - said_at >= _EACH:
                self._say(progress)
                said_at = now
            self._last[progress.source] = progress, said_at

    def end(self, source: str) -> None:
        with self._lock:
            if source in self._last:
                self._say(self._last.pop(source)[0])

    def _say(self, progress: Progress) -> None:
        line = f"{progress.source}, {progress.stream}: {_counts(progress)}"
        self.console.print(line, markup=False)


def _counts(progress: Progress) -> str:
    names = ("read", "written", "unchanged", "rejected")
    return ", ".join(f"{getattr(progress, name):,} {name}" for name in names)

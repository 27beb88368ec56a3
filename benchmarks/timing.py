"""Fair timing: the contenders take turns, so that a slow moment of the machine hits them alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Times:
    """Seconds of each run, in order."""

    runs: tuple[float, ...]

    @property
    def p50(self) -> float:
        return median(self.runs)

    @property
    def p95(self) -> float:
        return quantiles(self.runs, n=20)[-1]


async def take_turns(
    contenders: Sequence[Callable[[], Awaitable[object]]], *, runs: int, warm_up: int = 3
) -> list[Times]:
    """Run the contenders A B A B …, and return the times of each."""
    times: list[list[float]] = [[] for _ in contenders]
    for turn in range(warm_up + runs):
        for contender, taken in zip(contenders, times, strict=True):
            start = time.perf_counter()
            await contender()
            if turn >= warm_up:
                taken.append(time.perf_counter() - start)
    return [Times(tuple(taken)) for taken in times]


def repeat(action: Callable[[], object], *, runs: int) -> Times:
    """Time a short action; each run is one call."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return Times(tuple(times))


@dataclass(frozen=True)
class Line:
    """One line of the report: what, how much, against what, and what is to be reached."""

    what: str
    measured: str
    reference: str
    reach: str

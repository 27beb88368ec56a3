"""Fair timing: the contenders take turns, so that a slow moment of the machine hits them alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles
from typing import TypeVar

Case = TypeVar("Case")


@dataclass(frozen=True)
class Times:
    """Seconds of each run, in order; of the processor too, where all the work is our thread's.

    On a machine that others use as well, a run also waits for its turn. `cpu` leaves that out.
    """

    runs: tuple[float, ...]
    cpu: tuple[float, ...] = ()

    @property
    def p50(self) -> float:
        return median(self.runs)

    @property
    def p95(self) -> float:
        return quantiles(self.runs, n=20)[-1]

    @property
    def cpu_p50(self) -> float:
        return median(self.cpu)

    @property
    def cpu_p95(self) -> float:
        return quantiles(self.cpu, n=20)[-1]


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


def take_turns_over(
    cases: Sequence[Case], contenders: Sequence[Callable[[Case], object]], *, rounds: int
) -> list[Times]:
    """Let each contender do all cases, A B A B …; a first round is not counted.

    By turns of all cases, and not of one: a slow contender would leave each of the others a cold
    processor to begin with.
    """
    clocks = [_Clock() for _ in contenders]
    for turn in range(1 + rounds):
        for contender, clock in zip(contenders, clocks, strict=True):
            for case in cases:
                clock.time(partial(contender, case), counted=turn > 0)
    return [clock.times() for clock in clocks]


def repeat(action: Callable[[], object], *, runs: int) -> Times:
    """Time a short action; each run is one call."""
    clock = _Clock()
    for _ in range(runs):
        clock.time(action)
    return clock.times()


class _Clock:
    """Collects what an action takes, by the clock and of the processor."""

    def __init__(self) -> None:
        self._runs: list[float] = []
        self._cpu: list[float] = []

    def time(self, action: Callable[[], object], *, counted: bool = True) -> None:
        start, cpu_start = time.perf_counter(), time.thread_time()
        action()
        cpu, taken = time.thread_time() - cpu_start, time.perf_counter() - start
        if counted:
            self._runs.append(taken)
            self._cpu.append(cpu)

    def times(self) -> Times:
        return Times(tuple(self._runs), tuple(self._cpu))


@dataclass(frozen=True)
class Line:
    """One line of the report: what, how much, against what, and what is to be reached."""

    what: str
    measured: str
    reference: str
    reach: str

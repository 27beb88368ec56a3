"""What another thread does to `ast.parse` on CPython 3.11, done at each point by the collector."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator

POINTS = 400  # allocations after which the collector disturbs; more than what is parsed needs


def disturbances() -> Iterator[None]:
    """Come back before each point; what is parsed then has another tree built in the middle of it.

    Leaves the collector as it was; what is there already takes no part, for speed.
    """
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    disturbed = 0

    def disturb(phase: str, info: object) -> None:
        nonlocal disturbed
        if phase == "start":
            gc.set_threshold(10_000)
            disturbed += 1
            ast.parse("1")

    gc.freeze()
    gc.callbacks.append(disturb)
    try:
        for allocations in range(1, POINTS):
            gc.collect()
            gc.set_threshold(allocations)
            yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        gc.callbacks[:] = callbacks
    assert disturbed > POINTS

"""Python's garbage collector while a sync runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# Records are many small objects without cycles; at the default of 700 new ones the collector looks
# at them over and over again.
_THRESHOLD = 50_000

_lock = Lock()
_syncs = 0
_before: tuple[int, int, int] = gc.get_threshold()


@contextmanager
def few_collections() -> Iterator[None]:
    """Collect seldom until the last of the syncs in this process has ended."""
    global _syncs, _before
    with _lock:
        if _syncs == 0:
            _before = gc.get_threshold()
            gc.set_threshold(_THRESHOLD, *_before[1:])
        _syncs += 1
    try:
        yield
    finally:
        with _lock:
            _syncs -= 1
            if _syncs == 0:
                gc.set_threshold(*_before)

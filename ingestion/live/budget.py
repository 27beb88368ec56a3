"""How many requests to sources one answer may cost, and how long they may take."""

from __future__ import annotations

import threading
import time


class BudgetSpent(Exception):
    """No request is left, of the answer's or of the source's, or no time; the text says which."""


class Budget:
    """Requests and seconds for one answer, shared by the threads that read for it."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls = calls
        self._left = calls
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def spend(self) -> None:
        """Take one request off. Raises BudgetSpent when no request or no time is left."""
        with self._lock:
            if self._left == 0:
                raise BudgetSpent(f"one answer may cost {self._calls} requests to sources, no more")
            if self.seconds_left == 0:
                raise BudgetSpent(f"it was not read within {self._seconds:g} s")
            self._left -= 1

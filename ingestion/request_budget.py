"""One budget of requests for each source, shared by syncs and live reads on all machines.

It stands in the database as one moment: when the budget would be whole again if nobody took
anything. In no minute are more requests let through than the source allows, wherever that minute
begins, so what may come in a burst and what follows at an even rate add up to a minute's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from index.database import Database

log = logging.getLogger("remit.sync")

LEAST = 6  # requests a minute
LAPSE = 2.0  # seconds in which a sync has to use what it took
_BURST = 1 / 6  # of a minute's requests
_LOOK = 0.5  # seconds between two looks at a budget that is used up
_TELL = 60.0  # seconds between two lines about waiting

# By the clock after the row is locked. A moment that lies further ahead than a budget ever is used
# up was written before the clock was set back, and says nothing.
_SINCE = """
    CASE WHEN held.full_at <= clock_timestamp() + make_interval(secs => :whole)
        THEN GREATEST(held.full_at, clock_timestamp()) ELSE clock_timestamp() END
"""
_TAKE = text(
    f"""
    INSERT INTO remit.request_budget AS held (tenant_id, source, full_at)
    VALUES (:tenant, :source, clock_timestamp() + make_interval(secs => :cost))
    ON CONFLICT (tenant_id, source) DO UPDATE
        SET full_at = {_SINCE} + make_interval(secs => :cost)
        WHERE {_SINCE} + make_interval(secs => :cost - :room) <= clock_timestamp()
    RETURNING full_at
    """  # noqa: S608
)


class RequestBudget:
    """What one source allows. Live reads may take all of it; syncs leave half a burst to them."""

    def __init__(self, database: Database, tenant: str, source: str, per_minute: int) -> None:
        self.source = source
        self.per_minute = per_minute
        self._database = database
        self._key = {"tenant": tenant, "source": source}
        self._burst = max(2.0, per_minute * _BURST)
        self._rate = (per_minute - self._burst) / (60 + LAPSE)  # requests a second
        self.block = max(1, int(self._rate))

    def take(self) -> bool:
        """Take one request, for a live read; False when none is left."""
        return self._take(1, leaving=0.0)

    def take_block(self) -> bool:
        """Take `block` requests at once, to be sent within LAPSE seconds; False when that would cut
        into what is left to live reads."""
        return self._take(self.block, leaving=self._burst / 2)

    def _take(self, count: int, *, leaving: float) -> bool:
        times = {
            "cost": count / self._rate,
            "room": (self._burst - leaving) / self._rate,
            "whole": self._burst / self._rate,
        }
        with self._database.session() as connection:
            return connection.execute(_TAKE, {**self._key, **times}).first() is not None


class Queue:
    """Where the requests of one sync or check wait for their turn, whatever thread sends them."""

    def __init__(self, budget: RequestBudget, stop: threading.Event | None = None) -> None:
        self._waited = 0.0
        self._budget = budget
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._left = 0
        self._lapses_at = 0.0  # by the clock of `time.monotonic`, like all times here
        self._tells_at = 0.0

    def wait(self, is_over: Callable[[], bool]) -> None:
        """Come back when one request may be sent.

        Raises RuntimeError when it is to stop, or `is_over` says that nobody waits for the
        answer any more.
        """
        with self._lock:
            while not self._next():
                self._tell()
                if is_over() or self._stop.wait(_LOOK):
                    raise RuntimeError("nobody reads this stream any more")
                self._waited += _LOOK

    def time_waited(self) -> float:
        """For how many seconds nothing could be sent since this was last asked."""
        waited, self._waited = self._waited, 0.0
        return waited

    def _next(self) -> bool:
        now = time.monotonic()
        if self._left == 0 or now > self._lapses_at:
            self._left = self._budget.block if self._budget.take_block() else 0
            self._lapses_at = now + LAPSE
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def _tell(self) -> None:
        if time.monotonic() >= self._tells_at:
            self._tells_at = time.monotonic() + _TELL
            log.warning(
                "%s: its %d requests a minute are used up; it goes on as they come back.",
                self._budget.source,
                self._budget.per_minute,
            )

"""The worker beside the HTTP service: a process of its own, for a sync would take turns with
requests in one (docs/decisions/0020-a-worker-is-a-process.md)."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Self

from api.cli.child_process import run_child
from ingestion.schedule.worker import GRACE

log = logging.getLogger("remit.worker")

_LONGEST_PAUSE = 60.0


class WorkerProcess:
    """`remit worker` for as long as the `with` block is open, started again if it ends by itself.

    It ends by itself when this process is gone, whatever way that went, because the pipe between
    the two is closed then.
    """

    def __init__(self) -> None:
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="worker-process")

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._keeper.join()

    def _keep(self) -> None:
        pause = 1.0
        while not self._ending.is_set():
            began = time.monotonic()
            code = run_child("worker", ending=self._ending, grace=2 * GRACE)
            if time.monotonic() - began > _LONGEST_PAUSE:
                pause = 1.0
            if not self._ending.is_set():
                log.warning(
                    "The worker ended by itself, with exit code %d; it is started again in %d s.",
                    code,
                    pause,
                )
                self._ending.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

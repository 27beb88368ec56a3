"""The worker beside the HTTP service: a process of its own, for a sync would take turns with
requests in one (docs/decisions/0020-a-worker-is-a-process.md)."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

from ingestion.schedule.worker import GRACE

log = logging.getLogger("remit.worker")

_LOOK = 0.5  # seconds between two looks at the process
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
            code = _work(self._ending)
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


def _work(ending: threading.Event) -> int:
    """Run one process until it ends or is to end; returns its exit code."""
    command = [sys.executable, "-m", "remit", "worker", "--until-eof"]
    # A group of its own: Ctrl-C is for us, and we end it when the last request is answered.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    assert process.stdin is not None  # noqa: S101  # it was asked for
    while process.poll() is None and not ending.wait(_LOOK):
        pass
    process.stdin.close()
    try:
        return process.wait(2 * GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()

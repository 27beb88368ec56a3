"""The process that embeds, beside a worker: started when something is due, and of lower priority.

Its memory is given back when it ends, and its threads take no turns with those of syncs.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from index.errors import ConfigurationError, Unavailable

log = logging.getLogger("remit.worker")

_LOOK = 3.0  # seconds between two looks at whether something is due
_LONGEST_PAUSE = 300.0
_GRACE = 5.0  # seconds for the batch that is under way


class EmbeddingProcess:
    """`remit embedding run` whenever something is due, for as long as the `with` block is open.

    It stops when this process is gone, whatever way that went, because the pipe between the two is
    closed then.
    """

    def __init__(self, is_due: Callable[[], bool]) -> None:
        """`is_due` is asked every few seconds. It may raise Unavailable, and ConfigurationError
        when asking again is of no use."""
        self._is_due = is_due
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="embedding-process")

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
        try:
            self._embed_when_due()
        except ConfigurationError as error:
            log.warning("%s", error)

    def _embed_when_due(self) -> None:
        pause = _LOOK
        while not self._ending.wait(pause):
            if not self._looks_due():
                continue
            code = _embed(self._ending)
            pause = _LOOK if code == 0 else min(2 * pause, _LONGEST_PAUSE)
            if code != 0 and not self._ending.is_set():
                log.warning(
                    "The process that embeds ended with exit code %d; it is started again in %d s.",
                    code,
                    pause,
                )

    def _looks_due(self) -> bool:
        try:
            return self._is_due()
        except Unavailable:  # which the worker says
            return False


def _embed(ending: threading.Event) -> int:
    """Run one process until it ends or is to end; returns its exit code."""
    command = [sys.executable, "-m", "remit", "embedding", "run", "--until-eof"]
    # A group of its own: Ctrl-C is for us, and we end it.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    assert process.stdin is not None  # noqa: S101  # it was asked for
    while process.poll() is None and not ending.wait(0.5):
        pass
    process.stdin.close()
    try:
        return process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()

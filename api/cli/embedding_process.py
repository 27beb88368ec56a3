"""The process that embeds, beside a worker: started when something is due, and of lower priority.

Its memory is given back when it ends, and its threads take no turns with those of syncs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from api.cli.child_process import run_child
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
            code = run_child("embedding", "run", ending=self._ending, grace=_GRACE)
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

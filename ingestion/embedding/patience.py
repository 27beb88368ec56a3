"""The end of a process that hangs: torch and the disk below it cannot be interrupted otherwise."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HUNG = 70  # the exit code, that of an internal error among those of sysexits.h
_TELLING = 15.0  # seconds for `tell`, which may hang as well

log = logging.getLogger("remit.embedding")


@contextmanager
def ends_process(after: float, tell: Callable[[], None]) -> Iterator[None]:
    """End this process, with exit code HUNG, when the `with` block takes more seconds than that.

    `tell` is called before, to say why.
    """
    timer = threading.Timer(after, _end, (tell,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(tell: Callable[[], None]) -> None:
    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    telling.join(_TELLING)
    logging.shutdown()
    os._exit(HUNG)

"""A program of somebody else's, run as a process of its own: its lines, its end, and its limits.

It leads a session of its own, so that what it started ends with it, but for what makes itself a
session again. It runs as our user and can read what we can: nothing here confines it. Both of its
outputs are read in one loop. While nobody takes its lines it is not read, so it waits at a full
pipe.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from index.errors import Unavailable

_CHUNK = 1 << 18
_TICK = 0.5  # seconds between two looks at whether it has ended (its pipe may outlive it) or must
_BLINK = 0.02  # seconds between two looks at whether it has ended, when it was told to
_GRACE = 5.0  # seconds between the request to end and the end
_LEFT_IN_PIPES = 1 << 21  # bytes that two pipes can hold at most
_KEPT_LINES = 20

# What a program needs to find its way. None of ours, which may hold secrets.
_INHERITED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
)  # fmt: skip


class ProcessFailure(Unavailable):
    """A program that could not be started, took too long, or sent what cannot be taken."""


def allowed_environment(**more: str) -> dict[str, str]:
    """The part of the environment that a program of somebody else's gets."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, **more}


class Process:
    """A running program; use it in a `with` block, at whose end it and its group are ended."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        """Start it, in the folder if one is given. Raises ProcessFailure when it cannot be."""
        try:
            self._process = subprocess.Popen(  # noqa: S603  what the operator configured
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessFailure(
                f"the program {command[0]} cannot be started ({error.strerror})"
            ) from None
        self._status: int | None = None
        self.complaints: deque[str] = deque(maxlen=_KEPT_LINES)  # its last lines of stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def lines(
        self,
        *,
        longest: int,
        idle_seconds: float | None = None,
        seconds: float | None = None,
        is_over: Callable[[], bool] | None = None,
    ) -> Iterator[bytes]:
        """What it prints, line by line, until it has ended.

        Raises ProcessFailure for a line of more than `longest` bytes, when it prints no line for
        `idle_seconds` while it is waited for, when it has not ended after `seconds`, and soon after
        `is_over` says that nobody wants it any more, also while it prints nothing.
        """
        out, err = (pipe for pipe in (self._process.stdout, self._process.stderr) if pipe)
        deadline = None if seconds is None else time.monotonic() + seconds
        lines, complaints = _Lines(longest), _Lines(longest=1 << 16, cut=True)
        idle_since, ended, left = time.monotonic(), False, _LEFT_IN_PIPES
        looks_at = 0.0
        with selectors.DefaultSelector() as selector:
            for pipe in (out, err):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(0 if ended else _TICK)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    left -= len(chunk) if ended else 0
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is err:
                        self._complain(complaints.take(chunk))
                    else:
                        for line in lines.take(chunk):
                            yield line
                            idle_since = time.monotonic()
                if ended and (not ready or left < 0):
                    break  # what it left running holds the pipes open, or goes on writing
                ended = self._ends_within(0)
                now = time.monotonic()
                if is_over is not None and now >= looks_at:
                    if is_over():
                        raise ProcessFailure("it was told to stop")
                    looks_at = now + _TICK
                if idle_seconds is not None and now - idle_since > idle_seconds:
                    raise ProcessFailure(f"it sent nothing for {idle_seconds:g} s")
                if deadline is not None and now > deadline:
                    raise ProcessFailure(f"it was not done after {seconds:g} s")
        yield from lines.rest()
        self._complain(complaints.rest())

    def end(self) -> int:
        """End it and its group, by force if it must be; returns its exit status."""
        if self._status is not None:
            return self._status
        try:
            if not self._ends_within(0):
                self._signal(signal.SIGTERM)
                self._ends_within(_GRACE)
        finally:  # also when a second Ctrl-C ends the wait
            # It may have left others behind, which are still of its group.
            self._signal(signal.SIGKILL)
            self._status = self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
        return self._status

    def wait(self) -> int:
        """The exit status of a program whose output has ended; negative for a signal."""
        self._ends_within(_GRACE)
        return self.end()

    def _ends_within(self, seconds: float) -> bool:
        """Whether it has ended by then. Its status is not taken: from then on its number, by which
        its group is signalled, could be another program's."""
        deadline = time.monotonic() + seconds
        while not self._has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_BLINK)
        return True

    def _has_ended(self) -> bool:
        if not hasattr(os, "waitid"):  # macOS, before Python 3.13
            return self._process.poll() is not None
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, how) is not None

    def _signal(self, number: signal.Signals) -> None:
        # None is left, which macOS says in the second way.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _complain(self, lines: Iterator[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").strip():
                self.complaints.append(text)


class _Lines:
    """Chunks of bytes, cut into lines; a line that is too long is cut, or refused."""

    def __init__(self, longest: int, *, cut: bool = False) -> None:
        self._longest = longest
        self._cut = cut
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, chunk: bytes) -> Iterator[bytes]:
        *whole, begun = chunk.split(b"\n")
        for part in whole:
            self._add(part)
            yield from self.rest()
        self._add(begun)

    def rest(self) -> Iterator[bytes]:
        """The line so far, if there is something in it."""
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        if line:
            yield line

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._longest:
            self._parts.append(part)
        elif self._cut:
            # Just so far, so that what is left does not end where a chunk happened to.
            self._parts.append(part[: max(0, len(part) - (self._size - self._longest))])
        else:
            raise ProcessFailure(f"it sent a message of more than {self._longest >> 20} MiB")

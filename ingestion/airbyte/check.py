"""What is found when a source is tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamCheck:
    """One stream that was tried. `empty` is no fault in itself, but may be a missing permission."""

    stream: str
    problem: str | None = None
    empty: bool = False


@dataclass(frozen=True)
class CheckResult:
    """Whether a source can be read, and in words what is wrong where it cannot.

    `problem` concerns the source as a whole (credentials, network, version); then no stream was
    tried.
    """

    problem: str | None = None
    streams: tuple[StreamCheck, ...] = ()

    @property
    def ok(self) -> bool:
        return self.problem is None and not any(stream.problem for stream in self.streams)

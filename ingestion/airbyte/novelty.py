"""Whether what comes is still new, told in a kilobyte however much comes.

A connector that gives the same records over and over is busy for ever, and no time limit ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.airbyte.connector import Record

_REGISTERS = 1024
_BITS = _REGISTERS.bit_length() - 1
_TIMES = 3


class Novelty:
    """Counts what came since the last that was new.

    Each register keeps the most zeros that the hash of anything has ended with, as an estimate of
    distinct values (HyperLogLog) does. What came before changes none of them; of what is new enough
    does, unless it is few beside what came before.
    """

    def __init__(self, patience: int) -> None:
        self.repeated = 0  # so many in a row that brought nothing new
        self._patience = patience
        self._count = 0
        self._registers = bytearray(_REGISTERS)

    def take(self, value: bytes | str | None) -> None:
        """One more value; None for one that cannot be told from others, and counts as new."""
        self._count += 1
        if value is None:
            self.repeated = 0
            return
        self.repeated += 1
        rest, register = divmod(hash(value), _REGISTERS)
        zeros = (rest & -rest).bit_length() or 64 - _BITS
        if zeros > self._registers[register]:
            self._registers[register] = zeros
            self.repeated = 0

    @property
    def is_over(self) -> bool:
        """Whether so much repeated that no more news is to be expected.

        More than the patience, and more than three times all that came until then, so that
        thousands of new values would be among them if there were any.
        """
        before = self._count - self.repeated
        return self.repeated > self._patience and self.repeated > _TIMES * before


def identity(stream: DiscoveredStream, data: Record) -> bytes | None:
    """What tells a record from others of all streams: its key, or all of it where it has none.

    None for a record that JSON cannot hold.
    """
    key = [_follow(data, path) for path in stream.primary_key]
    told = data if all(value is None for value in key) else key
    try:
        return orjson.dumps([stream.name, told])
    except (TypeError, ValueError):
        pass
    try:
        return repr(told).encode(errors="replace")
    except RecursionError:
        return None


def _follow(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value

"""Whether a sequence goes round, noticed with the memory of one of its members."""

from __future__ import annotations


class Rounds:
    """Counts how often in a row the same round has come, as of A B A B A.

    One member is waited for; when it does not come, a later one after twice the time, so that any
    round is found however long it is (Brent's way).
    """

    def __init__(self) -> None:
        self._member: int | None = None
        self._patience = 1
        self._steps = 0
        self._round = 0  # a hash of what came since the member did
        self._last: int | None = None
        self._times = 0

    def take(self, member: int) -> int:
        """One more; returns how many equal rounds end with it, of which the first counts too."""
        self._steps += 1
        self._round = hash((self._round, member))
        if member == self._member:
            self._times = self._times + 1 if self._round == self._last else 1
            self._last, self._round, self._steps = self._round, 0, 0
            return self._times
        if self._steps >= self._patience:
            self._member, self._last, self._times = member, None, 0
            self._patience *= 2
            self._round = self._steps = 0
        return 0

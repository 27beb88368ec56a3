"""The solver z3 with a budget: what it says is a proof or a model, and else it says nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import z3

from access_policies.proof.verdict import Limits

Formula = Any
"""An expression of z3, which ships no types."""


class UndecidedError(Exception):
    """The solver ran out of time, or gave up."""


class Solver:
    """One solver with a context of its own, so that threads share nothing.

    The same questions in the same order get the same answers, unless one runs out of time.
    """

    def __init__(self, limits: Limits) -> None:
        self.context = z3.Context()
        self.true = z3.BoolVal(True, self.context)
        self.false = z3.BoolVal(False, self.context)
        self._solver = z3.SimpleSolver(ctx=self.context)
        self._solver.set("random_seed", 1)
        self._limits = limits
        self._end = time.monotonic() + limits.call

    def assume(self, formulas: Iterable[Formula]) -> None:
        """Hold the formulas for true in every question from now on."""
        for formula in formulas:
            self._solver.add(formula)

    def model(self, *conditions: Formula) -> Formula | None:
        """A model of all conditions, or None when there is none. Raises UndecidedError."""
        self._solver.push()
        try:
            self._solver.add(*conditions)
            return self._solver.model() if self._possible() else None
        finally:
            self._solver.pop()

    def possible(self, *conditions: Formula) -> bool:
        """Whether the conditions can all be true at once. Raises UndecidedError."""
        return self.model(*conditions) is not None

    def conflict(self, condition: Formula, others: Sequence[Formula]) -> list[int] | None:
        """The places of a few of the others that the condition cannot be true together with, or
        None when it can be true together with all of them. Raises UndecidedError."""
        self._solver.push()
        try:
            self._solver.add(condition)
            markers = [z3.FreshBool("other", self.context) for _ in others]
            for marker, other in zip(markers, others, strict=True):
                self._solver.add(z3.Implies(marker, other))
            if self._possible(*markers):
                return None
            core = {marker.get_id() for marker in self._solver.unsat_core()}
            return [place for place, marker in enumerate(markers) if marker.get_id() in core]
        finally:
            self._solver.pop()

    def all_of(self, formulas: Iterable[Formula]) -> Formula:
        parts = list(formulas)
        return z3.And(parts) if parts else self.true

    def any_of(self, formulas: Iterable[Formula]) -> Formula:
        parts = list(formulas)
        return z3.Or(parts) if parts else self.false

    def _possible(self, *assumptions: Formula) -> bool:
        left = min(self._limits.question, self._end - time.monotonic())
        if left <= 0:
            raise UndecidedError
        self._solver.set("timeout", max(1, int(left * 1000)))
        answer = self._solver.check(*assumptions)
        if answer == z3.unknown:
            raise UndecidedError
        return bool(answer == z3.sat)

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
        self._marks: dict[int, tuple[Formula, Formula]] = {}
        self._limits = limits
        self._end = time.monotonic() + limits.call

    def assume(self, formulas: Iterable[Formula]) -> None:
        """Hold the formulas for true in every question from now on."""
        self._solver.add(*formulas)

    def model(self, *conditions: Formula) -> Formula | None:
        """A model of all conditions, or None when there is none. Raises UndecidedError."""
        return self._solver.model() if self.possible(*conditions) else None

    def possible(self, *conditions: Formula) -> bool:
        """Whether the conditions can all be true at once. Raises UndecidedError."""
        left = min(self._limits.question, self._end - time.monotonic())
        if left <= 0:
            raise UndecidedError
        self._solver.set("timeout", max(1, int(left * 1000)))
        answer = self._solver.check(*map(self._mark, conditions))
        if answer == z3.unknown:
            raise UndecidedError
        return bool(answer == z3.sat)

    def conflict(self, condition: Formula, others: Sequence[Formula]) -> list[int] | None:
        """The places of a few of the others that the condition cannot be true together with, or
        None when it can be true together with all of them. Raises UndecidedError."""
        if self.possible(condition, *others):
            return None
        core = {mark.get_id() for mark in self._solver.unsat_core()}
        return [place for place, other in enumerate(others) if self._mark(other).get_id() in core]

    def _mark(self, formula: Formula) -> Formula:
        """A name for the formula. What the solver learns in one question it keeps for the next, as
        long as questions differ only in the names that are true in them."""
        if formula.get_id() not in self._marks:
            mark = z3.FreshBool("mark", self.context)
            self._solver.add(z3.Implies(mark, formula))
            # The formula is kept as well: when it is gone, z3 gives its id to another.
            self._marks[formula.get_id()] = (mark, formula)
        return self._marks[formula.get_id()][0]

    def all_of(self, formulas: Iterable[Formula]) -> Formula:
        parts = list(formulas)
        return z3.And(parts) if parts else self.true

    def any_of(self, formulas: Iterable[Formula]) -> Formula:
        parts = list(formulas)
        return z3.Or(parts) if parts else self.false

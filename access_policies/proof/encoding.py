"""Predicates as formulas of a solver, with their three values: a pair of when each is true and
when it is false; when it is neither it is unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, assert_never
from uuid import UUID

import z3

from access_policies.proof.solver import Formula, Solver
from access_policies.proof.text_tests import TextTests
from access_policies.proof.values import (
    MICROSECONDS_A_DAY,
    ListValue,
    OneValue,
    microseconds,
)
from access_policies.proof.variables import Path, RowVariables, UnreadableError, Variables
from index.predicate import (
    And,
    AnyRow,
    Attribute,
    Caller,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Operator,
    Or,
    Overlap,
    Predicate,
    Term,
    TextOperator,
    TextTest,
    Truth,
    Value,
)
from index.specs import CallerAttributes, EntitySpecs

_MOST_ANY_ROWS = 12


@dataclass(frozen=True, eq=False)
class Truths:
    """When a predicate is true, and when it is false."""

    true: Formula
    false: Formula


class Encoding:
    """Encodes the predicates of one entity over one unknown row and one unknown caller."""

    def __init__(
        self, solver: Solver, entity: str, specs: EntitySpecs, callers: CallerAttributes
    ) -> None:
        self.solver = solver
        self.variables = Variables(solver, specs, callers)
        self.row = self.variables.row(entity)
        self.reads_now = False
        self.tests = TextTests(self.variables)
        self._axioms: list[Formula] = []
        self._overlaps: list[tuple[Formula, ListValue, ListValue]] = []
        self._any_rows: dict[tuple[RowVariables, Path], list[tuple[Predicate, Truths]]] = {}
        self._known: dict[tuple[RowVariables, Predicate], Truths] = {}

    def truths(self, predicate: Predicate, row: RowVariables | None = None) -> Truths:
        """The predicate of the row, or of the entity's own when none is given."""
        row = row or self.row
        found = self._known.get((row, predicate))
        if found is None:
            found = self._known[row, predicate] = self._truths(predicate, row)
        return found

    def axioms(self) -> list[Formula]:
        """What is true of the variables of all predicates that were encoded so far."""
        tests = self.tests.axioms()
        shared = [
            z3.Implies(z3.And(a.holds(place), b.holds(place)), shared)
            for shared, a, b in self._overlaps
            for place in self.variables.listed
        ]
        return [*self.variables.axioms, *self._axioms, *tests, *shared]

    def _truths(self, predicate: Predicate, row: RowVariables) -> Truths:
        solver = self.solver
        match predicate:
            case Truth(value):
                return Truths(
                    solver.true if value is True else solver.false,
                    solver.true if value is False else solver.false,
                )
            case Not(operand):
                inner = self.truths(operand, row)
                return Truths(inner.false, inner.true)
            case And(operands):
                inners = [self.truths(operand, row) for operand in operands]
                return Truths(
                    solver.all_of(inner.true for inner in inners),
                    solver.any_of(inner.false for inner in inners),
                )
            case Or(operands):
                inners = [self.truths(operand, row) for operand in operands]
                return Truths(
                    solver.any_of(inner.true for inner in inners),
                    solver.all_of(inner.false for inner in inners),
                )
            case _:
                try:
                    return self._atom(predicate, row)
                except UnreadableError:
                    return self._opaque(predicate, row)

    def _opaque(self, predicate: Predicate, row: RowVariables) -> Truths:
        """Any of the three values, the same wherever the predicate stands.

        Sound, as a proof then holds whatever the predicate means. A counterexample may rest on a
        value that it can never have; that shows when both versions decide of it.
        """
        name = f"{row.name}: {predicate!r}"
        true, false = (z3.Bool(f"{name} is {value}", self._context) for value in (True, False))
        self._axioms.append(z3.Not(z3.And(true, false)))
        return Truths(true, false)

    def _atom(self, predicate: Predicate, row: RowVariables) -> Truths:
        match predicate:
            case Comparison(symbol, left, right):
                a, b = self._one(left, row), self._one(right, row)
                return self._definite(self._compared(symbol, a, b), a.known, b.known)
            case Membership(item, collection):
                return self._membership(self._one(item, row), self._list(collection, row))
            case Overlap(left, right):
                return self._overlap(self._list(left, row), self._list(right, row))
            case TextTest(symbol, text, part):
                known = [self._one(term, row).known for term in (text, part)]
                return self._definite(self._text_test(symbol, text, part, row), *known)
            case IsMissing(term):
                return self._is_missing(term, row)
            case AnyRow(path, condition):
                return self._any_row(path, condition, row)
            case Truth() | Not() | And() | Or():
                raise AssertionError("these are not atoms")
            case _:
                assert_never(predicate)

    def _definite(self, holds: Formula, *known: Formula) -> Truths:
        """True or false when all is known, else unknown."""
        return Truths(z3.And(*known, holds), z3.And(*known, z3.Not(holds)))

    def _compared(self, symbol: Operator, a: OneValue, b: OneValue) -> Formula:
        if a.family != b.family or (a.family == "boolean" and symbol not in ("==", "!=")):
            raise UnreadableError
        return _COMPARISONS[symbol](a.value, b.value)

    def _membership(self, item: OneValue, collection: ListValue) -> Truths:
        if item.family != "text":
            raise UnreadableError
        if collection.constants is None:
            self.variables.listed.append(item.value)
        inside = collection.holds(item.value)
        outside = z3.And(z3.Not(inside), z3.Not(collection.has_missing))
        return Truths(
            z3.And(collection.known, collection.filled, item.known, inside),
            z3.And(
                collection.known,
                z3.Or(z3.Not(collection.filled), z3.And(item.known, outside)),
            ),
        )

    def _overlap(self, a: ListValue, b: ListValue) -> Truths:
        known = z3.And(a.known, b.known)
        filled = z3.And(a.filled, b.filled)
        shared = self._shared(a, b)
        perhaps = z3.Or(shared, a.has_missing, b.has_missing)
        return Truths(
            z3.And(known, filled, shared), z3.And(known, z3.Or(z3.Not(filled), z3.Not(perhaps)))
        )

    def _shared(self, a: ListValue, b: ListValue) -> Formula:
        """Whether two lists share an element. One that they share is enough to know that they do;
        when they share none, `axioms` says so of each text that any list is asked for."""
        for named, other in ((a, b), (b, a)):
            if named.constants is not None:
                self.variables.listed += named.constants
                return self.solver.any_of(other.holds(place) for place in named.constants)
        shared = z3.FreshBool("shared", self._context)
        one = self.variables.some_text("shared element")
        self.variables.listed.append(one)
        self._axioms.append(z3.Implies(shared, z3.And(a.holds(one), b.holds(one))))
        self._overlaps.append((shared, a, b))
        return shared

    def _is_missing(self, term: Term, row: RowVariables) -> Truths:
        known = self._value(term, row).known
        there = self.solver.true
        if isinstance(term, Attribute):
            there = self.variables.present(row, term.path[:-1])
        return Truths(z3.And(there, z3.Not(known)), z3.And(there, known))

    def _any_row(self, path: Path, condition: Predicate, row: RowVariables) -> Truths:
        """True of one row there is, false of all, unknown of one and true of none.

        One row that makes it true and one that leaves it unknown are enough to tell all cases
        apart, as long as every question about rows of this path is put to all of them.
        """
        asked = self._any_rows.setdefault((row, path), [])
        if len(asked) >= _MOST_ANY_ROWS:
            raise UnreadableError
        true, false = (z3.FreshBool("any", self._context) for _ in range(2))
        source = self.variables.present(row, path[:-1])
        before = len(row.children.get(path, ()))
        proof, doubt = (self.variables.child(row, path) for _ in range(2))
        answer = Truths(true, false)
        asked.append((condition, answer))
        unknown = z3.And(source, z3.Not(true), z3.Not(false))
        self._axioms += [
            z3.Not(z3.And(true, false)),
            z3.Implies(z3.Or(true, false, proof.exists, doubt.exists), source),
            z3.Implies(true, z3.And(proof.exists, self.truths(condition, proof).true)),
            z3.Implies(unknown, z3.And(doubt.exists, z3.Not(self.truths(condition, doubt).false))),
        ]
        for place, child in enumerate(row.children[path]):
            for question, answers in asked if place >= before else asked[-1:]:
                self._answer(question, answers, child)
        return answer

    def _answer(self, question: Predicate, answer: Truths, child: RowVariables) -> None:
        """What one row tells of whether there is any such row."""
        of_child = self.truths(question, child)
        self._axioms += [
            z3.Implies(z3.And(child.exists, of_child.true), answer.true),
            z3.Implies(z3.And(child.exists, z3.Not(of_child.false)), z3.Not(answer.false)),
        ]

    def _text_test(
        self, symbol: TextOperator, text: Term, part: Term, row: RowVariables
    ) -> Formula:
        a, b = self._one(text, row), self._one(part, row)
        if a.family != "text" or b.family != "text":
            raise UnreadableError
        match text, part:
            case _, Constant(str() as constant):
                return self.tests.of_constant(symbol, a.value, constant)
            case Constant(str() as constant), _:
                return self.tests.in_constant(symbol, constant, b.value)
            case _:
                return self.tests.of_two(symbol, a.value, b.value)

    def _one(self, term: Term, row: RowVariables) -> OneValue:
        value = self._value(term, row)
        if isinstance(value, ListValue):
            raise UnreadableError
        return value

    def _list(self, term: Term, row: RowVariables) -> ListValue:
        value = self._value(term, row)
        if isinstance(value, OneValue):
            raise UnreadableError
        return value

    def _value(self, term: Term, row: RowVariables) -> OneValue | ListValue:
        match term:
            case Attribute(path):
                return self.variables.attribute(row, path)
            case Caller():
                return self.variables.caller(term)
            case Now(days):
                self.reads_now = True
                now = self.variables.now
                moved = now + days * MICROSECONDS_A_DAY if days else now
                return OneValue("time", self.solver.true, moved)
            case Constant(value):
                return self._constant(value)
            case _:
                assert_never(term)

    def _constant(self, value: Value | None) -> OneValue | ListValue:
        true, context = self.solver.true, self._context
        match value:
            case None:
                raise UnreadableError
            case tuple():
                return self.variables.constants(value)
            case str():
                return OneValue("text", true, self.variables.text(value))
            case bool():
                return OneValue("boolean", true, z3.BoolVal(value, context))
            case int():
                return OneValue("number", true, z3.IntVal(value, context))
            case Decimal():
                return OneValue("number", true, z3.RealVal(str(Fraction(value)), context))
            case datetime():
                return OneValue("time", true, z3.IntVal(microseconds(value), context))
            case UUID():
                return OneValue("id", true, z3.IntVal(value.int, context))
            case _:
                assert_never(value)

    @property
    def _context(self) -> Any:
        return self.solver.context


_COMPARISONS: Mapping[Operator, Callable[[Formula, Formula], Formula]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

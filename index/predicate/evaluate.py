"""A predicate in Python: true, false or unknown of one row in memory."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from index.predicate.nodes import (
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
    Scalar,
    Term,
    TextOperator,
    TextTest,
    Truth,
    Value,
)
from index.predicate.values import family

Row = Mapping[str, object]
CallerValues = Callable[[Caller], Value | None]
Evaluator = Callable[[Row, CallerValues | None, datetime], bool | None]
_Reader = Callable[[Row, CallerValues | None, datetime], Any]


def evaluate(
    predicate: Predicate, row: Row, caller: CallerValues | None, now: datetime
) -> bool | None:
    """Whether the predicate holds of the row; None is unknown.

    `row` has the entity's own fields by name, each parent at the end of a relation to one row as a
    mapping like it, or None when there is none, and the rows of a relation to many as a list of
    such mappings. What is not there is missing. Raises TypeError when values of different types
    meet, and ValueError when a caller's attribute is read and `caller` is None.
    """
    return evaluator(predicate)(row, caller, now)


def evaluator(predicate: Predicate) -> Evaluator:
    """The predicate as a function, for one that meets many rows: walking the tree once is faster.

    Parts are evaluated in order until one decides, so that an ill-typed value is found only where
    the outcome depends on it.
    """
    match predicate:
        case Truth(value):
            return lambda _row, _caller, _now: value
        case Comparison(symbol, left, Constant(known)) if type(known) in _PLAIN:
            return _compared_with(symbol, _reader(left), known)
        case Comparison(symbol, left, right):
            return _on_two(left, right, comparison(symbol))
        case TextTest(test, text, part):
            return _on_two(text, part, text_test(test))
        case Membership(item, collection):
            return _on_two(item, collection, contained)
        case Overlap(left, right):
            return _on_two(left, right, overlapping)
        case IsMissing(term):
            return _missing_test(term)
        case AnyRow(path, condition):
            return _any_row(path, condition)
        case Not(operand):
            inner = evaluator(operand)
            return lambda row, caller, now: negate(inner(row, caller, now))
        case And(operands):
            return _joined(operands, decisive=False)
        case Or(operands):
            return _joined(operands, decisive=True)
        case _:
            assert_never(predicate)


def comparison(symbol: Operator) -> Callable[[Any, Any], bool | None]:
    """Unknown when a side is missing; text compares by code point, as under COLLATE "C"."""
    compare = _COMPARISONS[symbol]

    def test(left: Scalar | None, right: Scalar | None) -> bool | None:
        if left is None or right is None:
            return None
        kind = type(left)
        if kind is not type(right) or kind not in _PLAIN:
            _check_same_family(left, right)
        return compare(left, right)

    return test


def text_test(symbol: TextOperator) -> Callable[[Any, Any], bool | None]:
    """Unknown when a side is missing; an empty part is in every text."""
    holds = _TEXT_TESTS[symbol]

    def test(text: str | None, part: str | None) -> bool | None:
        return None if text is None or part is None else holds(text, part)

    return test


def contained(item: str | None, collection: Sequence[str | None] | None) -> bool | None:
    """As `item = ANY (collection)`: false for an empty collection, even of a missing item."""
    if collection is None:
        return None
    if not collection:
        return False
    if item is None:
        return None
    if not isinstance(item, str) or isinstance(collection, str):
        raise TypeError("membership is of a text in a list of texts")
    if item in collection:
        return True
    return None if None in collection else False


def overlapping(
    left: Sequence[str | None] | None, right: Sequence[str | None] | None
) -> bool | None:
    """As `left && right`, but unknown where an element that is missing might be shared."""
    if left is None or right is None:
        return None
    if isinstance(left, str) or isinstance(right, str):
        raise TypeError("an overlap is of two lists of texts")
    if not left or not right:
        return False
    shared = set(left) & set(right) - {None}
    return True if shared else None if None in left or None in right else False


def negate(value: bool | None) -> bool | None:
    return None if value is None else not value


def disjunction(values: Sequence[bool | None]) -> bool | None:
    if True in values:
        return True
    return None if None in values else False


def _compared_with(symbol: Operator, read: _Reader, known: Any) -> Evaluator:
    """The usual comparison, which a decision is mostly made of: nothing but what it takes."""
    compare, test, kind = _COMPARISONS[symbol], comparison(symbol), type(known)

    def compared(row: Row, caller: CallerValues | None, now: datetime) -> bool | None:
        value = read(row, caller, now)
        return compare(value, known) if type(value) is kind else test(value, known)

    return compared


def _joined(operands: Sequence[Predicate], *, decisive: bool) -> Evaluator:
    """All of the parts, or any: the decisive value if one has it, else unknown if one is."""
    parts = [evaluator(operand) for operand in operands]
    idle = not decisive

    def test(row: Row, caller: CallerValues | None, now: datetime) -> bool | None:
        joined: bool | None = idle
        for part in parts:
            value = part(row, caller, now)
            if value is decisive:
                return decisive
            if value is None:
                joined = None
        return joined

    return test


def _missing_test(term: Term) -> Evaluator:
    read = _reader(term)
    if isinstance(term, Attribute) and len(term.path) > 1:
        parent = _path_reader(term.path[:-1])
        return lambda row, caller, now: (
            None if parent(row) is None else read(row, caller, now) is None
        )
    return lambda row, caller, now: read(row, caller, now) is None


def _any_row(path: tuple[str, ...], condition: Predicate) -> Evaluator:
    rows, holds = _path_reader(path), evaluator(condition)

    def test(row: Row, caller: CallerValues | None, now: datetime) -> bool | None:
        found = rows(row)
        if found is None:
            return None
        if not isinstance(found, list | tuple):
            raise TypeError("the rows of a relation to many are a list")
        return disjunction([holds(_mapping(each), caller, now) for each in found])

    return test


def _on_two(left: Term, right: Term, test: Callable[[Any, Any], bool | None]) -> Evaluator:
    read_left, read_right = _reader(left), _reader(right)
    # A decision is mostly calls of such functions, so a constant, the usual case, costs none.
    if isinstance(right, Constant):
        known = right.value
        return lambda row, caller, now: test(read_left(row, caller, now), known)
    if isinstance(left, Constant):
        known = left.value
        return lambda row, caller, now: test(known, read_right(row, caller, now))
    return lambda row, caller, now: test(read_left(row, caller, now), read_right(row, caller, now))


def _reader(term: Term) -> _Reader:
    match term:
        case Constant(value):
            return lambda _row, _caller, _now: value
        case Now(0):
            return lambda _row, _caller, now: now
        case Now(days):
            moved = timedelta(days=days)
            return lambda _row, _caller, now: now + moved
        case Caller():
            return _caller_reader(term)
        case Attribute((name,)):
            return lambda row, _caller, _now: row.get(name)
        case Attribute((relation, name)):
            return _across(relation, name)
        case Attribute(path):
            at_end = _path_reader(path)
            return lambda row, _caller, _now: at_end(row)
        case _:
            assert_never(term)


def _across(relation: str, name: str) -> _Reader:
    """A field of the row that a relation leads to: the usual hop, without a call for it."""

    def read(row: Row, _caller: CallerValues | None, _now: datetime) -> Any:
        parent = row.get(relation)
        return parent.get(name) if type(parent) is dict else _part(parent, name)

    return read


def _path_reader(path: tuple[str, ...]) -> Callable[[Row], Any]:
    """What stands at the end of a path over relations to one row; None where a link is missing."""
    *relations, name = path
    match relations:
        case []:
            return lambda row: row.get(name)
        case [relation]:
            return lambda row: _part(row.get(relation), name)
        case _:
            parent = _path_reader(tuple(relations))
            return lambda row: _part(parent(row), name)


def _caller_reader(term: Caller) -> _Reader:
    def read(_row: Row, caller: CallerValues | None, _now: datetime) -> Value | None:
        if caller is None:
            raise ValueError(f"{term.kind} {term.name} is read, and no caller was given")
        return caller(term)

    return read


def _part(parent: object, name: str) -> object:
    return None if parent is None else _mapping(parent).get(name)


def _mapping(row: object) -> Row:
    if type(row) is not dict and not isinstance(row, Mapping):
        raise TypeError("a row is a mapping")
    return row


def _check_same_family(left: Scalar, right: Scalar) -> None:
    # Python would answer `True == 1` and `"7" == 7`; Postgres refuses both.
    if family(left) != family(right):
        raise TypeError(f"{type(left).__name__} cannot be compared with {type(right).__name__}")


# Values of one such type can be compared without a second look.
_PLAIN = frozenset({bool, str, int, Decimal, UUID})

_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_TEXT_TESTS: Mapping[TextOperator, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}

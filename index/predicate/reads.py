"""What a predicate reads: the fields of the row, and the attributes of who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from index.predicate.nodes import (
    And,
    Attribute,
    Caller,
    Comparison,
    IsMissing,
    Membership,
    Not,
    Or,
    Predicate,
    Term,
    TextTest,
    Truth,
)


def attributes(predicate: Predicate) -> frozenset[tuple[str, ...]]:
    """The paths of the row that the predicate reads; a path of two leads over a relation."""
    return frozenset(term.path for term in _terms(predicate) if isinstance(term, Attribute))


def callers(predicate: Predicate) -> frozenset[Caller]:
    """The attributes of who asks that the predicate reads."""
    return frozenset(term for term in _terms(predicate) if isinstance(term, Caller))


def _terms(predicate: Predicate) -> Iterator[Term]:
    match predicate:
        case Truth():
            return
        case Comparison(_, left, right) | TextTest(_, left, right) | Membership(left, right):
            yield from (left, right)
        case IsMissing(term):
            yield term
        case Not(operand):
            yield from _terms(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _terms(operand)
        case _:
            assert_never(predicate)

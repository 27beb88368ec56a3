"""Predicates written out again, as a rule's author would write them."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

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
    Or,
    Overlap,
    Predicate,
    Term,
    TextTest,
    Truth,
)


def written(predicate: Predicate, row: str) -> str:
    """The predicate in the rule language, of a row that goes by this name."""
    match predicate:
        case Truth(value):
            return "unknown" if value is None else str(value).lower()
        case Comparison(operator, left, right):
            return f"{_term(left, row)} {operator} {_term(right, row)}"
        case Membership(item, collection):
            return f"{_term(item, row)} in {_term(collection, row)}"
        case Overlap(left, right):
            return f"overlaps({_term(left, row)}, {_term(right, row)})"
        case TextTest(operator, text, part):
            return f"{operator}({_term(text, row)}, {_term(part, row)})"
        case IsMissing(term):
            return f"{_term(term, row)} == null"
        case AnyRow(path, condition):
            return f"any({'.'.join((row, *path))}, {written(condition, 'row')})"
        case Not(IsMissing(term)):
            return f"{_term(term, row)} != null"
        case Not(Membership(item, collection)):
            return f"{_term(item, row)} not in {_term(collection, row)}"
        case Not(operand):
            return f"not {_inner(operand, row)}"
        case And(operands):
            return " and ".join(_inner(operand, row) for operand in operands)
        case Or(operands):
            return " or ".join(_inner(operand, row) for operand in operands)
        case _:
            assert_never(predicate)


def shown(value: object) -> str:
    """A value as a rule would have it; None is a missing one."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _inner(predicate: Predicate, row: str) -> str:
    text = written(predicate, row)
    return f"({text})" if isinstance(predicate, And | Or) else text


def _term(term: Term, row: str) -> str:
    match term:
        case Attribute(path):
            return ".".join((row, *path))
        case Caller(kind, name):
            return f"{kind}.{name}" if name else kind
        case Constant(value):
            return shown(value)
        case Now(0):
            return "now"
        case Now(days):
            return f"daysAgo({-days})" if days < 0 else f"daysAhead({days})"
        case _:
            assert_never(term)

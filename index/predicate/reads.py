"""What a predicate reads: the fields of the row, and the attributes of who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

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
    Or,
    Overlap,
    Predicate,
    Term,
    TextTest,
    Truth,
)

Path = tuple[str, ...]


def attributes(predicate: Predicate) -> frozenset[Path]:
    """The fields that it reads of the row and, over relations to one row, of its parents.

    What it reads of the rows inside `any` is not among them: see `any_rows`.
    """
    terms = (term for atom in _atoms(predicate) for term in _terms(atom))
    return frozenset(term.path for term in terms if isinstance(term, Attribute))


def any_rows(predicate: Predicate) -> frozenset[AnyRow]:
    """Its looks at rows that a relation to many leads to; they may hold others in turn."""
    return frozenset(atom for atom in _atoms(predicate) if isinstance(atom, AnyRow))


def every_attribute(predicate: Predicate) -> frozenset[Path]:
    """The path of each field that it reads, whatever relations lead there: also
    `("comments", "internal")` of what is asked of any comment."""
    found = attributes(predicate)
    for each in any_rows(predicate):
        found |= {(*each.path, *path) for path in every_attribute(each.condition)}
    return found


def callers(predicate: Predicate) -> frozenset[Caller]:
    """The attributes of who asks that the predicate reads, also inside `any`."""
    terms = (term for atom in _atoms(predicate) for term in _terms(atom))
    found = frozenset(term for term in terms if isinstance(term, Caller))
    return found.union(*(callers(each.condition) for each in any_rows(predicate)))


def reads_now(predicate: Predicate) -> bool:
    """Whether its value depends on the moment of the request, also inside `any`."""
    return any(
        reads_now(atom.condition)
        if isinstance(atom, AnyRow)
        else any(isinstance(term, Now) for term in _terms(atom))
        for atom in _atoms(predicate)
    )


def named(predicate: Predicate, caller: Caller) -> frozenset[str]:
    """The texts that the predicate holds against an attribute of who asks: the names it knows."""
    found: set[str] = set()
    for terms in map(_terms, _atoms(predicate)):
        if caller in terms:
            for term in terms:
                values = term.value if isinstance(term, Constant) else ()
                listed = values if isinstance(values, tuple) else (values,)
                found.update(value for value in listed if isinstance(value, str))
    return frozenset(found).union(*(named(each.condition, caller) for each in any_rows(predicate)))


def _atoms(predicate: Predicate) -> Iterator[Predicate]:
    """The parts that `and`, `or` and `not` join."""
    match predicate:
        case Not(operand):
            yield from _atoms(operand)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _atoms(operand)
        case _:
            yield predicate


def _terms(atom: Predicate) -> tuple[Term, ...]:
    match atom:
        case (
            Comparison(_, left, right)
            | TextTest(_, left, right)
            | Membership(left, right)
            | Overlap(left, right)
        ):
            return (left, right)
        case IsMissing(term):
            return (term,)
        case Truth() | AnyRow():
            return ()
        case Not() | And() | Or():
            raise AssertionError("joints are no atoms")
        case _:
            assert_never(atom)

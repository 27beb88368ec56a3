"""Partial evaluation: what is left of a predicate once some of its values are known."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from index.predicate.evaluate import (
    CallerValues,
    Row,
    comparison,
    contained,
    evaluator,
    negate,
    overlapping,
    text_test,
)
from index.predicate.nodes import (
    ALWAYS,
    NEVER,
    UNKNOWN,
    And,
    AnyRow,
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
from index.predicate.reads import any_rows, attributes, callers, reads_now

Substituter = Callable[[CallerValues], Predicate]


def substitute(predicate: Predicate, caller_values: CallerValues) -> Predicate:
    """The predicate for one caller: its attributes put in, constants folded.

    It has the same value of every row as the original, and repeated parts once. An attribute that
    the caller lacks makes its comparison unknown. The present moment stays symbolic, so the result
    may be kept.
    """
    return substituter(predicate)(caller_values)


def substituter(predicate: Predicate) -> Substituter:
    """The predicate as a function of the caller, for one that meets many callers: what does not ask
    about them is folded once, and what asks of nothing else is evaluated."""
    build = _substituter(predicate)
    if not callers(predicate):
        folded = build(_nobody)
        return lambda _values: folded
    if attributes(predicate) or any_rows(predicate) or reads_now(predicate):
        return build
    evaluate = evaluator(predicate)
    return lambda values: _TRUTHS[evaluate(_NO_ROW, values, _NEVER_READ)]


def _substituter(predicate: Predicate) -> Substituter:
    match predicate:
        case AnyRow(path, condition):
            inner = substituter(condition)
            return lambda values: AnyRow(path, inner(values))
        case Not(operand):
            inner = substituter(operand)
            return lambda values: negation(inner(values))
        case And(operands):
            parts = [substituter(operand) for operand in operands]
            return lambda values: conjoin(part(values) for part in parts)
        case Or(operands):
            parts = [substituter(operand) for operand in operands]
            return lambda values: disjoin(part(values) for part in parts)
        case _:
            return lambda values: _atom(predicate, values)


def _atom(predicate: Predicate, caller_values: CallerValues) -> Predicate:
    def known(term: Term) -> Term:
        return Constant(caller_values(term)) if isinstance(term, Caller) else term

    match predicate:
        case Comparison(symbol, left, right):
            return _comparison(Comparison(symbol, known(left), known(right)))
        case Membership(item, collection):
            return _membership(Membership(known(item), known(collection)))
        case Overlap(left, right):
            return _overlap(Overlap(known(left), known(right)))
        case TextTest(symbol, text, part):
            return _text_test(TextTest(symbol, known(text), known(part)))
        case IsMissing(term):
            return _is_missing(IsMissing(known(term)))
        case _:
            return predicate


def _nobody(_caller: Caller) -> None:
    return None


_TRUTHS = {True: ALWAYS, False: NEVER, None: UNKNOWN}
_NO_ROW: Row = {}
_NEVER_READ = datetime.min.replace(tzinfo=UTC)


def negation(predicate: Predicate) -> Predicate:
    match predicate:
        case Truth(value):
            return Truth(negate(value))
        case Not(operand):
            return operand
        case _:
            return Not(predicate)


def conjoin(predicates: Iterable[Predicate]) -> Predicate:
    """All of them: nested ones flattened, repeated and idle ones dropped."""
    return _join(And, predicates, idle=ALWAYS, decisive=NEVER)


def disjoin(predicates: Iterable[Predicate]) -> Predicate:
    """Any of them: nested ones flattened, repeated and idle ones dropped."""
    return _join(Or, predicates, idle=NEVER, decisive=ALWAYS)


def where_true(predicate: Predicate) -> Predicate:
    """A simpler predicate that is true of exactly the same rows; where it differs, neither is true.

    A filter keeps only what is true, so that a part which is always unknown can be decided early:
    `unknown and x` keeps no row.
    """
    return _settle(predicate, wanted=True)


def where_not_false(predicate: Predicate) -> Predicate:
    """A simpler predicate that is false of exactly the same rows."""
    return _settle(predicate, wanted=False)


def _settle(predicate: Predicate, *, wanted: bool) -> Predicate:
    """Only whether the value is `wanted` matters: unknown counts as the opposite."""
    match predicate:
        case Truth(None):
            return Truth(not wanted)
        case Not(operand):
            return negation(_settle(operand, wanted=not wanted))
        case And(operands) | Or(operands):
            settled = [_settle(operand, wanted=wanted) for operand in operands]
            if all(map(operator.is_, settled, operands)):
                return predicate
            return conjoin(settled) if isinstance(predicate, And) else disjoin(settled)
        case AnyRow(path, condition):
            inner = _settle(condition, wanted=wanted)
            return NEVER if wanted and inner == NEVER else AnyRow(path, inner)
        case Overlap(left, right) if wanted and Constant(()) in (left, right):
            return NEVER
        case _:
            return predicate


def _join(
    joint: type[And] | type[Or], predicates: Iterable[Predicate], *, idle: Truth, decisive: Truth
) -> Predicate:
    parts: dict[Predicate, None] = {}
    for predicate in predicates:
        for part in predicate.operands if isinstance(predicate, joint) else (predicate,):
            if not isinstance(part, Truth):
                parts[part] = None
            elif part == decisive:
                return decisive
            elif part != idle:
                parts[part] = None
    if not parts:
        return idle
    return joint(tuple(parts)) if len(parts) > 1 else next(iter(parts))


def _comparison(node: Comparison) -> Predicate:
    if _is_unknown(node.left) or _is_unknown(node.right):
        return UNKNOWN
    return _fold(node, node.left, node.right, comparison(node.operator))


def _text_test(node: TextTest) -> Predicate:
    if _is_unknown(node.text) or _is_unknown(node.part):
        return UNKNOWN
    return _fold(node, node.text, node.part, text_test(node.operator))


def _membership(node: Membership) -> Predicate:
    # A missing item decides nothing yet when the collection is the row's: that one may be empty.
    match node.collection:
        case Constant(None):
            return UNKNOWN
        case Constant(()):
            return NEVER
        case Constant() if _is_unknown(node.item):
            return UNKNOWN
        case _:
            return _fold(node, node.item, node.collection, contained)


def _overlap(node: Overlap) -> Predicate:
    # An empty list decides nothing yet: the other one may be missing.
    if _is_unknown(node.left) or _is_unknown(node.right):
        return UNKNOWN
    return _fold(node, node.left, node.right, overlapping)


def _is_missing(node: IsMissing) -> Predicate:
    match node.term:
        case Constant(value):
            return Truth(value is None)
        case Now():
            return NEVER
        case _:
            return node


def _fold(
    node: Predicate, left: Term, right: Term, test: Callable[[Any, Any], bool | None]
) -> Predicate:
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Truth(test(left.value, right.value))
    return node


def _is_unknown(term: Term) -> bool:
    return isinstance(term, Constant) and term.value is None

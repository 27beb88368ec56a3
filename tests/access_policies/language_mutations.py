"""Mistakes that translations of conditions to SQL, and evaluations beside it, are known for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, any_, false, func, not_
from sqlalchemy.sql.sqltypes import DateTime, String

from index.predicate import (
    NEVER,
    UNKNOWN,
    And,
    Attribute,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Or,
    Predicate,
    Term,
    TextTest,
)
from tests.access_policies.mutation import Make, Mutation, instead

# By name: the package's functions `evaluate` and `substitute` hide the modules they come from.
EVALUATE = importlib.import_module("index.predicate.evaluate")
SUBSTITUTE = importlib.import_module("index.predicate.substitute")
SQL = importlib.import_module("index.predicate.sql")
FILTER = importlib.import_module("index.predicate.filter")


def _unknown_as(value: bool, *, joined: type[And] | type[Or]) -> Make:
    """`and` or `or` that knows two values only."""

    def make(original: Any) -> Callable[..., Any]:
        def lossy(operands: Any, *, decisive: bool) -> Callable[..., Any]:
            test: Callable[..., Any] = original(operands, decisive=decisive)
            if decisive is not (joined is Or):
                return test
            return lambda *read: value if test(*read) is None else test(*read)

        return lossy

    return make


def _of_texts(change: Callable[[Any], Any], *, ordered: bool = False) -> Make:
    """A comparison in SQL that changes both texts first, or does so only where order matters."""

    def make(original: Any) -> Callable[..., Any]:
        def comparison(self: Any, symbol: Any, left: Term, right: Term) -> Any:
            sides = [self.term(left), self.term(right)]
            equality = symbol in ("==", "!=")
            if Constant(None) in (left, right) or not isinstance(sides[0].type, String):
                return original(self, symbol, left, right)
            return SQL._COMPARISONS[symbol](
                *(side if ordered and equality else change(side) for side in sides)
            )

        return comparison

    return make


def _in_filter(change: Callable[[Any, Predicate], ColumnElement[bool] | None]) -> Make:
    """A filter that says something else wherever `change` has an answer."""

    def make(original: Any) -> Callable[..., Any]:
        def when(self: Any, predicate: Predicate, *, wanted: bool) -> Any:
            changed = change(self, predicate) if wanted else None
            return original(self, predicate, wanted=wanted) if changed is None else changed

        return when

    return make


def _not_of_what_is_true(walk: Any, predicate: Predicate) -> ColumnElement[bool] | None:
    if not isinstance(predicate, Not):
        return None
    return not_(func.coalesce(walk.when(predicate.operand, wanted=True), false()))


def _not_is_true(walk: Any, predicate: Predicate) -> ColumnElement[bool] | None:
    match predicate:
        case Not(Comparison("==", Attribute() as truth, Constant(True))):
            not_true: ColumnElement[bool] = not_(walk._exact.term(truth)).is_(True)
            return not_true
    return None


def _unequal_to_any(walk: Any, predicate: Predicate) -> ColumnElement[bool] | None:
    match predicate:
        case Not(Membership(Attribute() as item, Constant(tuple()) as collection)):
            unequal: ColumnElement[bool] = walk._exact.term(item) != any_(
                walk._exact.term(collection)
            )
            return unequal
    return None


def _field_first(original: Any) -> Callable[..., Any]:
    def comparison(self: Any, symbol: Any, left: Term, right: Term) -> Any:
        if isinstance(left, Constant) and not isinstance(right, Constant):
            left, right = right, left
        return original(self, symbol, left, right)

    return comparison


def _without_unknown(original: Any) -> Callable[..., Any]:
    return lambda parts: original([part for part in parts if part != UNKNOWN])


def _null_is_a_value(original: Any) -> Callable[..., Any]:
    return lambda symbol: lambda left, right: original(symbol)(left, right) is True


def _null_equals_null(original: Any) -> Callable[..., Any]:
    return lambda symbol: (
        lambda left, right: (
            symbol == "==" if left is right is None else original(symbol)(left, right)
        )
    )


def _missing_attribute_is_a_null_test(original: Any) -> Callable[..., Any]:
    def comparison(node: Comparison) -> Predicate:
        if node.operator == "==" and node.right == Constant(None):
            return IsMissing(node.left)
        folded: Predicate = original(node)
        return folded

    return comparison


def _membership_of(collection: Constant, value: Predicate) -> Make:
    def make(original: Any) -> Callable[..., Any]:
        return lambda node: value if node.collection == collection else original(node)

    return make


def _contained_in_part(item: str | None, collection: Sequence[str | None] | None) -> bool | None:
    if collection is None or (collection and item is None):
        return None
    return any(item in each for each in collection if each is not None and item is not None)


def _contained_but_for_nulls(original: Any) -> Callable[..., Any]:
    def contained(item: str | None, collection: Sequence[str | None] | None) -> bool | None:
        whole = None if collection is None else [each for each in collection if each is not None]
        result: bool | None = original(item, whole)
        return result

    return contained


def _by_like(original: Any) -> Callable[..., Any]:
    def text_test(self: Any, test: TextTest) -> Any:
        if test.operator != "startsWith":
            return original(self, test)
        return self.term(test.text).like(self.term(test.part).concat("%"))

    return text_test


def _moments(change: Callable[[Any], Any]) -> Make:
    def make(original: Any) -> Callable[..., Any]:
        def term(self: Any, term: Term) -> Any:
            value = original(self, term)
            return change(value) if isinstance(term, Now) else value

        return term

    return make


def _whole_seconds(original: Any) -> Callable[..., Any]:
    def term(self: Any, term: Term) -> Any:
        value = original(self, term)
        return func.date_trunc("second", value) if isinstance(value.type, DateTime) else value

    return term


def _missing_without_its_row(self: Any, path: tuple[str, ...], *, wanted: bool) -> Any:
    column = self._place.column(path)
    return column.is_(None) if wanted else column.is_not(None)


def _none_without_its_parent(original: Any) -> Callable[..., Any]:
    def any_row(self: Any, path: tuple[str, ...], condition: Predicate, *, wanted: bool) -> Any:
        if wanted:
            return original(self, path, condition, wanted=True)
        return not_(self._exact.not_false(path, condition))

    return any_row


def _none_but_for_unknown(self: Any, path: tuple[str, ...], condition: Predicate) -> Any:
    return self.place.exists(path, lambda there: SQL.to_sql(condition, there, self.now))


def _overlap_but_for_nulls(self: Any, left: Term, right: Term, *, wanted: bool) -> Any:
    shared = self._exact.shared(left, right)
    return shared if wanted else not_(shared)


LANGUAGE_MUTATIONS: list[Mutation] = [
    # Three values, of which one gets lost.
    Mutation("not unknown is true", EVALUATE, "negate", instead(lambda value: not value),
             "not ticket.priority < 2"),
    Mutation("not of what is not true", FILTER._Filter, "when", _in_filter(_not_of_what_is_true),
             "not ticket.priority < 2"),
    Mutation("unknown or false is false", EVALUATE, "_joined", _unknown_as(False, joined=Or),
             "not (ticket.urgent or ticket.priority < 2)"),
    Mutation("unknown and true is true", EVALUATE, "_joined", _unknown_as(True, joined=And),
             "ticket.urgent and ticket.priority < 2"),
    Mutation("what is unknown is left out", SUBSTITUTE, "conjoin", _without_unknown,
             "ticket.urgent and user.lead"),
    Mutation("a missing value is false", EVALUATE, "comparison", _null_is_a_value,
             'not ticket.title == "emea"'),
    Mutation("nothing equals nothing", EVALUATE, "comparison", _null_equals_null,
             "ticket.title == ticket.requester_email"),
    Mutation("COALESCE: a missing text is empty", SQL.Translation, "_comparison",
             _of_texts(lambda text: func.coalesce(text, "")), 'ticket.title != "emea"'),
    Mutation("NOT x IS TRUE", FILTER._Filter, "when", _in_filter(_not_is_true),
             "not ticket.urgent"),
    Mutation("IS NULL for what the caller lacks", SUBSTITUTE, "_comparison",
             _missing_attribute_is_a_null_test, "ticket.region == user.region"),
    # Lists.
    Mutation("a missing list is empty", SUBSTITUTE, "_membership",
             _membership_of(Constant(None), NEVER), "not ticket.region in user.regions"),
    Mutation("an empty list is missing", SUBSTITUTE, "_membership",
             _membership_of(Constant(()), UNKNOWN), "not ticket.region in user.regions"),
    Mutation("not in: unequal to any", FILTER._Filter, "when", _in_filter(_unequal_to_any),
             'ticket.region not in ["emea", "apac"]'),
    Mutation("a null element is none", EVALUATE, "contained", _contained_but_for_nulls,
             '"apac" not in ticket.tags'),
    Mutation("in a list: in a text of it", EVALUATE, "contained", instead(_contained_in_part),
             '"acme" in ticket.tags'),
    Mutation("a null element is not shared", FILTER._Filter, "_overlap",
             instead(_overlap_but_for_nulls), 'not overlaps(ticket.tags, ["apac"])'),
    # Numbers and texts.
    Mutation("the field comes first", SQL.Translation, "_comparison", _field_first,
             "2 < ticket.priority"),
    Mutation("upper case is lower case", SQL.Translation, "_comparison", _of_texts(func.lower),
             'ticket.title == "EMEA"'),
    Mutation("texts have a dictionary's order", SQL.Translation, "_comparison",
             _of_texts(func.lower, ordered=True), 'ticket.title < "a_b"'),
    Mutation("texts are normalised", SQL.Translation, "_comparison", _of_texts(func.normalize),
             'ticket.title == "\u00e9"'),
    Mutation("LIKE's wildcards", SQL.Translation, "_text_test", _by_like,
             'startsWith(ticket.title, "a_b")'),
    # Times.
    Mutation("now is today", SQL.Translation, "term",
             _moments(lambda now: func.date_trunc("day", now, "UTC")), "ticket.created_at < now"),
    Mutation("times are whole seconds", SQL.Translation, "term", _whole_seconds,
             "ticket.created_at <= now"),
    # Relations.
    Mutation("a row that is not there has a null", FILTER._Filter, "_missing_beyond",
             instead(_missing_without_its_row), "ticket.customer.owner.team == null"),
    Mutation("no parent, no rows", FILTER._Filter, "_any_row", _none_without_its_parent,
             "not any(ticket.customer.invoices, true)"),
    Mutation("of unknown rows none", SQL.Translation, "not_false", instead(_none_but_for_unknown),
             "not any(ticket.comments, comment.internal)"),
    Mutation("any of no rows is unknown", EVALUATE, "disjunction",
             lambda original: lambda values: original(values) if values else None,
             "not any(ticket.comments, comment.internal)"),
]  # fmt: skip

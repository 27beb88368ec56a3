"""A predicate as a PostgreSQL condition with the same three values: true, false and null."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Numeric,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    false,
    func,
    not_,
    null,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

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
    Term,
    TextTest,
    Truth,
    Value,
)
from index.predicate.place import Place


def to_sql(predicate: Predicate, place: Place, now: datetime) -> ColumnElement[bool]:
    """The predicate at a place of a statement, exactly: true, false, or null for unknown.

    Every value is a bind parameter; `now` must be aware. What only keeps or drops rows is better
    served by `filter_sql`, which leaves indexes usable. Raises ValueError when a caller's attribute
    was not substituted before.
    """
    return Translation(place, now).condition(predicate)


class Translation:
    """Predicates at one place and moment, with their three values."""

    def __init__(self, place: Place, now: datetime) -> None:
        if now.utcoffset() is None:
            raise ValueError("the moment of a request needs its time zone")
        self.place = place
        self.now = now

    def condition(self, predicate: Predicate) -> ColumnElement[bool]:
        match predicate:
            case Truth(None):
                return NULL
            case Truth(value):
                return true() if value else false()
            case Comparison(symbol, left, right):
                return self._comparison(symbol, left, right)
            case TextTest():
                return self._text_test(predicate)
            case Membership(item, collection):
                return self._membership(item, collection)
            case Overlap(left, right):
                if is_unknown(left) or is_unknown(right):
                    return NULL
                return or_(self.shared(left, right), and_(self.unsure(left, right), NULL))
            case IsMissing(term):
                return self._is_missing(term)
            case AnyRow(path, condition):
                return self._any_row(path, condition)
            case Not(operand):
                return not_(self.condition(operand))
            case And(operands):
                return and_(true(), *(self.condition(operand) for operand in operands))
            case Or(operands):
                return or_(false(), *(self.condition(operand) for operand in operands))
            case _:
                assert_never(predicate)

    def term(self, term: Term) -> ColumnElement[Any]:
        """A value as a column or a parameter."""
        match term:
            case Attribute(path):
                return self.place.column(path)
            case Constant(value):
                return cast(null(), Text) if value is None else _parameter(value)
            case Now(days):
                return _parameter(self.now + timedelta(days=days))
            case Caller(kind, name):
                raise ValueError(f"{kind} {name} was not substituted before translation to SQL")
            case _:
                assert_never(term)

    def shared(self, left: Term, right: Term) -> ColumnElement[bool]:
        """Whether two lists share an element that is not null; null when one is missing."""
        overlap: ColumnElement[bool] = self.term(left).bool_op("&&")(self.term(right))
        return overlap

    def unsure(self, left: Term, right: Term) -> ColumnElement[bool]:
        """Whether an element of one list is null and the other has any that it might be; of lists
        that are there, never null."""
        sides = ((left, right), (right, left))
        open_sides = [
            and_(true(), *self._has_null(one), *self._has_any(other))
            for one, other in sides
            if not (_is_whole(one) or _is_empty(other))
        ]
        return or_(false(), *open_sides)

    def not_false(self, path: tuple[str, ...], condition: Predicate) -> ColumnElement[bool]:
        """Whether the condition is true or unknown of some row that a relation to many leads to."""

        def holds(there: Place) -> ColumnElement[bool]:
            return func.coalesce(to_sql(condition, there, self.now), true(), type_=Boolean)

        return self.place.exists(path, holds)

    def _comparison(self, symbol: Operator, left: Term, right: Term) -> ColumnElement[bool]:
        if is_unknown(left) or is_unknown(right):
            # SQLAlchemy would turn `x == None` into `x IS NULL`.
            return NULL
        result: ColumnElement[bool] = _COMPARISONS[symbol](self.term(left), self.term(right))
        return result

    def _text_test(self, test: TextTest) -> ColumnElement[bool]:
        # LIKE would give `%` and `_` in a value a meaning that Python's tests do not have.
        text, part = self.term(test.text), self.term(test.part)
        match test.operator:
            case "startsWith":
                return func.starts_with(text, part, type_=Boolean)
            case "endsWith":
                return func.right(text, func.length(part), type_=Text) == part
            case "contains":
                return func.strpos(text, part, type_=Integer) > 0
            case _:
                assert_never(test.operator)

    def _membership(self, item: Term, collection: Term) -> ColumnElement[bool]:
        # One array parameter instead of IN: `= ANY ('{}')` is false also of a null, as the
        # language says, and the statement's text does not depend on how many elements there are.
        if is_unknown(collection):
            return NULL
        return self.term(item) == any_(self.term(collection))

    def _is_missing(self, term: Term) -> ColumnElement[bool]:
        missing = self.term(term).is_(None)
        if isinstance(term, Attribute) and len(term.path) > 1:
            return and_(missing, or_(self.place.present(term.path[:-1]), NULL))
        return missing

    def _any_row(self, path: tuple[str, ...], condition: Predicate) -> ColumnElement[bool]:
        holds = self.place.exists(path, lambda there: to_sql(condition, there, self.now))
        unknown = self.not_false(path, condition)
        if len(path) > 1:
            unknown = or_(unknown, not_(self.place.present(path[:-1])))
        return or_(holds, and_(unknown, NULL))

    def _has_null(self, term: Term) -> Iterator[ColumnElement[bool]]:
        if not isinstance(term, Constant):
            position = func.array_position(self.term(term), cast(null(), Text), type_=Integer)
            yield position.is_not(None)

    def _has_any(self, term: Term) -> Iterator[ColumnElement[bool]]:
        if not isinstance(term, Constant):
            yield func.cardinality(self.term(term), type_=Integer) > 0


def is_unknown(term: Term) -> bool:
    """Whether it is an attribute that the caller lacks."""
    return term == Constant(None)


def _is_whole(term: Term) -> bool:
    """Whether it is a list that is known to have no element missing."""
    return isinstance(term, Constant) and isinstance(term.value, tuple) and None not in term.value


def _is_empty(term: Term) -> bool:
    return term == Constant(())


def _parameter(value: Value) -> ColumnElement[Any]:
    if isinstance(value, tuple):
        return bindparam(None, list(value), type_=ARRAY(Text), unique=True)
    # A boolean is an int to Python, so it comes first in the table.
    sql_type = next(sql_type for kind, sql_type in _TYPES.items() if isinstance(value, kind))
    return bindparam(None, value, type_=sql_type, unique=True)


NULL: ColumnElement[bool] = cast(null(), Boolean)

_TYPES: Mapping[type, TypeEngine[Any]] = {
    bool: Boolean(),
    str: Text(),
    int: BigInteger(),
    Decimal: Numeric(),
    datetime: DateTime(timezone=True),
    UUID: Uuid(),
}

_COMPARISONS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

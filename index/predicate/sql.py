"""A predicate as a PostgreSQL condition with the same three values: true, false and null."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
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
    case,
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
    Predicate,
    Term,
    TextTest,
    Truth,
    Value,
)

Columns = Callable[[tuple[str, ...]], ColumnElement[Any]]


def to_sql(predicate: Predicate, column: Columns, now: datetime) -> ColumnElement[bool]:
    """The condition over `column(path)`, every value a bind parameter; `now` must be aware.

    Text columns must be `COLLATE "C"`, and the columns of a parent, its `id` among them, come from
    a LEFT JOIN, so that they are null without one. Nothing is wrapped in COALESCE or IS TRUE, so
    indexes stay usable.
    Raises ValueError when a caller's attribute was not substituted before.
    """
    if now.utcoffset() is None:
        raise ValueError("the moment of a request needs its time zone")
    return _Translation(column, now).condition(predicate)


class _Translation:
    def __init__(self, column: Columns, now: datetime) -> None:
        self._column = column
        self._now = now

    def condition(self, predicate: Predicate) -> ColumnElement[bool]:
        match predicate:
            case Truth(None):
                return cast(null(), Boolean)
            case Truth(value):
                return true() if value else false()
            case Comparison(symbol, left, right):
                return self._comparison(symbol, left, right)
            case TextTest():
                return self._text_test(predicate)
            case Membership(item, collection):
                return self._membership(item, collection)
            case IsMissing(term):
                return self._is_missing(term)
            case Not(operand):
                return not_(self.condition(operand))
            case And(operands):
                return and_(true(), *(self.condition(operand) for operand in operands))
            case Or(operands):
                return or_(false(), *(self.condition(operand) for operand in operands))
            case _:
                assert_never(predicate)

    def _comparison(self, symbol: Operator, left: Term, right: Term) -> ColumnElement[bool]:
        if _is_unknown(left) or _is_unknown(right):
            # SQLAlchemy would turn `x == None` into `x IS NULL`.
            return cast(null(), Boolean)
        result: ColumnElement[bool] = _COMPARISONS[symbol](self._term(left), self._term(right))
        return result

    def _text_test(self, test: TextTest) -> ColumnElement[bool]:
        # LIKE would give `%` and `_` in a value a meaning that Python's tests do not have.
        text, part = self._term(test.text), self._term(test.part)
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
        if _is_unknown(collection):
            return cast(null(), Boolean)
        return self._term(item) == any_(self._term(collection))

    def _is_missing(self, term: Term) -> ColumnElement[bool]:
        missing = self._term(term).is_(None)
        if isinstance(term, Attribute) and len(term.path) > 1:
            parent = self._column((term.path[0], "id"))
            return case((parent.is_not(None), missing), else_=cast(null(), Boolean))
        return missing

    def _term(self, term: Term) -> ColumnElement[Any]:
        match term:
            case Attribute(path):
                return self._column(path)
            case Constant(value):
                return cast(null(), Text) if value is None else _parameter(value)
            case Now():
                return _parameter(self._now)
            case Caller(kind, name):
                raise ValueError(f"{kind} {name} was not substituted before translation to SQL")
            case _:
                assert_never(term)


def _parameter(value: Value) -> ColumnElement[Any]:
    if isinstance(value, tuple):
        return bindparam(None, list(value), type_=ARRAY(Text), unique=True)
    # A boolean is an int to Python, so it comes first in the table.
    sql_type = next(sql_type for kind, sql_type in _TYPES.items() if isinstance(value, kind))
    return bindparam(None, value, type_=sql_type, unique=True)


def _is_unknown(term: Term) -> bool:
    return term == Constant(None)


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

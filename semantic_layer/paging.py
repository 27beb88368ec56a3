"""Sorting and keyset paging: where a page begins is said by the row before it, never by a count."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Text, and_, cast, false, func, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY

from index.errors import InvalidRequest
from index.predicate import InvalidValue, Value, coerce
from index.specs import EntitySpec, FieldType
from semantic_layer.query import Order
from semantic_layer.scope import Scope

Position = tuple[tuple[Value | None, ...], UUID]
"""The sort values and the id of a row."""


def sort_keys(scope: Scope, orders: Sequence[Order]) -> list[ColumnElement[Any]]:
    """What to sort by; the id comes last, so that the order is total."""
    keys: list[ColumnElement[Any]] = []
    for order in orders:
        key = _rank(scope, order, scope.table.c[order.field])
        keys.append((key.desc() if order.descending else key.asc()).nulls_last())
    return [*keys, scope.table.c.id]


def after(scope: Scope, orders: Sequence[Order], position: Position) -> ColumnElement[bool]:
    """True of the rows that come after a position in the order."""
    values, row_id = position
    found: ColumnElement[bool] = scope.table.c.id > row_id
    for order, value in reversed(list(zip(orders, values, strict=True))):
        key = _rank(scope, order, scope.table.c[order.field])
        if value is None:
            # Rows without a value come last: none is after them but by the keys that follow.
            beyond: ColumnElement[bool] = false()
            same: ColumnElement[bool] = key.is_(None)
        else:
            at = _rank(scope, order, literal(value, scope.table.c[order.field].type))
            beyond = or_(key < at if order.descending else key > at, key.is_(None))
            same = key == at
        found = or_(beyond, and_(same, found))
    return found


def cursor(scope: Scope, orders: Sequence[Order]) -> ColumnElement[str]:
    """The position of a row as an opaque text, computed in SQL; `read_cursor` reads it back."""
    parts: list[Any] = [literal(order_name(orders), Text)]
    parts += [cast(scope.table.c[order.field], Text) for order in orders]
    parts.append(cast(scope.table.c.id, Text))
    text = cast(func.json_build_array(*parts), Text)
    encoded = func.encode(func.convert_to(text, "UTF8"), "base64")
    return func.translate(encoded, "\n", "")


def read_cursor(text: str, spec: EntitySpec, orders: Sequence[Order]) -> Position:
    """Read a cursor back. Raises InvalidRequest when it is not one of this order."""
    try:
        name, *values, row_id = orjson.loads(base64.b64decode(text, validate=True))
        if name != order_name(orders) or len(values) != len(orders):
            raise ValueError("another order")  # noqa: TRY301
        return (
            tuple(
                None if value is None else _value(spec, order, value)
                for order, value in zip(orders, values, strict=True)
            ),
            UUID(row_id),
        )
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        ArithmeticError,  # of a decimal that is none
        binascii.Error,
        InvalidValue,
    ) as error:
        raise InvalidRequest(
            "`after` is no cursor of this list; pass the `endCursor` of the page before, with the"
            " same `orderBy`."
        ) from error


def order_name(orders: Sequence[Order]) -> str:
    """The order as one word, so that a cursor of another order is recognised."""
    return ",".join(("-" if order.descending else "") + order.field for order in orders)


def _value(spec: EntitySpec, order: Order, text: Any) -> Value:
    field = spec.fields[order.field]
    given: object = text
    if field.type is FieldType.INTEGER:
        given = int(text)
    elif field.type is FieldType.DECIMAL:
        given = Decimal(text)
    elif field.type is FieldType.BOOLEAN:
        given = {"true": True, "false": False}[text]
    return coerce(field.type, given, values=field.values)


def _rank(scope: Scope, order: Order, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Enums sort in the order in which the model lists their values: LOW before URGENT."""
    field = scope.entity.spec.fields[order.field]
    if field.type is not FieldType.ENUM:
        return value
    return func.array_position(cast(list(field.values), ARRAY(Text)), cast(value, Text))

"""The canonical value of each field type: what rules, rows and callers are allowed to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from index.errors import InvalidRequest
from index.predicate.nodes import Scalar, Value
from index.specs import FieldType

INTEGER_RANGE = range(-(2**63), 2**63)
"""What a `bigint` column holds."""

_DECIMAL_DIGITS = 100
"""Digits before and after the point; Postgres takes more, but nobody means such a number."""


class InvalidValue(InvalidRequest):
    """The value does not fit its type. The message describes the value and never repeats it."""


def coerce(type: FieldType, value: object, *, values: tuple[str, ...] = ()) -> Value:
    """The value as Python and Postgres both understand it; InvalidValue when there is none.

    `values` are those of an enum. Times become UTC, ids `UUID`, lists tuples. Only ISO text for
    times and text for ids is converted: nothing is guessed, and a boolean is never a number.
    """
    if value is None:
        raise InvalidValue("there is no value")
    if type is FieldType.ENUM:
        return _member(value, values)
    convert = _CONVERSIONS.get(type)
    if convert is None:
        raise InvalidValue("an amount of money has two parts, and cannot stand as one value")
    return convert(value)


def family(value: Scalar) -> str:
    """What kind of value it is: only values of one family can be compared with each other.

    Raises TypeError for a value that no field type allows, such as a float or a naive time.
    """
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | Decimal):
        return "number"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return "time"
    if isinstance(value, UUID):
        return "id"
    raise TypeError(f"{type(value).__name__} is not a type that predicates compare")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"expected text, not {_describe(value)}")
    if "\0" in value:
        raise InvalidValue("text cannot hold the character NUL")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidValue("text cannot hold half a surrogate pair")
    return str(value)


def _member(value: object, values: tuple[str, ...]) -> str:
    if values and (not isinstance(value, str) or value not in values):
        raise InvalidValue(f"expected one of {', '.join(values)}")
    return _text(value)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(f"expected a whole number, not {_describe(value)}")
    if value not in INTEGER_RANGE:
        raise InvalidValue("the whole number is outside ±9,223,372,036,854,775,807")
    return int(value)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise InvalidValue(f"expected a number, not {_describe(value)}")
    # The shortest text of a float is what its author wrote: 0.1, not 0.1000000000000000055.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise InvalidValue("expected a finite number")
    exponent = number.as_tuple().exponent
    if abs(number.adjusted()) > _DECIMAL_DIGITS or abs(int(exponent)) > _DECIMAL_DIGITS:
        raise InvalidValue(f"the number has more than {_DECIMAL_DIGITS} digits")
    return number


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"expected true or false, not {_describe(value)}")
    return value


def _timestamp(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidValue("expected a time such as 2026-01-31T09:00:00Z") from None
    if not isinstance(value, datetime):
        raise InvalidValue(f"expected a time, not {_describe(value)}")
    if value.utcoffset() is None:
        raise InvalidValue("the time needs its zone, such as 2026-01-31T09:00:00Z")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue("the time is outside the years 1 to 9999") from None


def _text_list(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidValue(f"expected a list of texts, not {_describe(value)}")
    return tuple(_text(item) for item in value)


def _id(value: object) -> UUID:
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            raise InvalidValue("expected an id such as 6f1c2a4e-…") from None
    if not isinstance(value, UUID):
        raise InvalidValue(f"expected an id, not {_describe(value)}")
    return value


def _describe(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)


_NAMES: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    Decimal: "a decimal number",
    datetime: "a time",
    UUID: "an id",
    list: "a list",
    tuple: "a list",
    dict: "an object",
    type(None): "nothing",
}

_CONVERSIONS: Mapping[FieldType, Callable[[object], Value]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.TEXT_LIST: _text_list,
    FieldType.ID: _id,
}

"""A source's value as the type that the model gives the field.

None, and text of which nothing is left, become None. What cannot be converted raises ValueError
with a reason that does not quote the value, because reasons are shown where records are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from index.money import to_minor
from index.specs import FieldType
from ingestion.mapping.text import clean

_BIGINT = 2**63
_EPOCH_MILLISECONDS_FROM = 10**11  # as seconds, the year 5138; as milliseconds, 1973


def to_text(value: Any) -> str | None:
    if isinstance(value, str):
        return clean(value) or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | float):
        raise ValueError("it is an object or a list, not a text")  # noqa: TRY004
    return str(value)


def to_timestamp(value: Any) -> datetime | None:
    """ISO 8601 (a date is its midnight, a time without zone is UTC) or epoch (milli)seconds."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value >= _EPOCH_MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError("it is not a time")


def to_integer(value: Any) -> int | None:
    number = to_decimal(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError("it is not a whole number")
    if not -_BIGINT <= number < _BIGINT:
        raise ValueError("it does not fit into 64 bits")
    return int(number)


def to_decimal(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("it is not a number")  # noqa: TRY004
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("it is not a number") from None
    if not number.is_finite():
        raise ValueError("it is not a finite number")
    return number


def to_boolean(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("it is neither true nor false")


def to_text_list(value: Any) -> list[str] | None:
    """The texts in their order, each once; one text alone is a list of one."""
    if value is None:
        return None
    values = value if isinstance(value, list | tuple) else [value]
    return list(dict.fromkeys(text for text in map(to_text, values) if text is not None))


def to_money(amount: Any, currency: Any, *, minor: bool) -> tuple[int | None, str | None]:
    """Minor units and the upper-case currency code; both None when there is no amount."""
    number = to_decimal(amount)
    if number is None:
        return None, None
    code = to_text(currency)
    if code is None:
        raise ValueError("it has no currency")
    code = code.upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise ValueError("its currency is not an ISO 4217 code")
    try:
        units = to_integer(number) if minor else to_minor(number, code)
    except ArithmeticError:
        units = None  # more digits than decimals are reckoned with
    if units is None or not -_BIGINT <= units < _BIGINT:
        raise ValueError("it does not fit into 64 bits")
    return units, code


def to_json(value: Any) -> Any:
    """A value of any shape with its texts cleaned; None when nothing is left of it."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, Mapping):
        inner = {clean(str(key)): to_json(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item is not None} or None
    if isinstance(value, list | tuple):
        return [item for item in map(to_json, value) if item is not None] or None
    if isinstance(value, int) and not -_BIGINT <= value < 2 * _BIGINT:
        return float(value)  # as it came: Postgres gives back 1e22 as an integer
    return value


CONVERSIONS: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.TEXT: to_text,
    FieldType.ENUM: to_text,
    FieldType.INTEGER: to_integer,
    FieldType.DECIMAL: to_decimal,
    FieldType.BOOLEAN: to_boolean,
    FieldType.TIMESTAMP: to_timestamp,
    FieldType.TEXT_LIST: to_text_list,
}

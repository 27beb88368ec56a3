"""Values that rules read, as the solver sees them: whether each is known, and what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal
from uuid import UUID

from access_policies.proof.solver import Formula
from index.specs import FieldType

Family = Literal["text", "number", "boolean", "time", "id"]

FAMILIES: dict[FieldType, Family] = {
    FieldType.TEXT: "text",
    FieldType.ENUM: "text",
    FieldType.INTEGER: "number",
    FieldType.DECIMAL: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "time",
    FieldType.ID: "id",
}
"""The types of one value that rules can read; those of one family can be compared."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_A_DAY = timedelta(days=1) // _MICROSECOND
FIRST_TIME = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
LAST_TIME = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, eq=False)
class OneValue:
    """A text is its place in the order, a time microseconds since 1970, an id its 128 bits."""

    family: Family
    known: Formula
    value: Formula


@dataclass(frozen=True, eq=False)
class ListValue:
    """A list of texts as the set of its elements, of which one may be missing.

    `holds` says whether the text at a place is among them, `filled` whether there are any;
    `constants` are the places of all of a list that a rule names.
    """

    known: Formula
    filled: Formula
    has_missing: Formula
    holds: Callable[[Formula], Formula]
    constants: tuple[Formula, ...] | None = None


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def identifier(number: int) -> UUID:
    return UUID(int=number)


def decimal(number: Fraction) -> Decimal:
    """The number, rounded when it has no end."""
    return Decimal(number.numerator) / Decimal(number.denominator)

"""What is left of a masked value, in Python and in SQL alike."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Any, assert_never

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Numeric,
    Text,
    case,
    cast,
    func,
    literal,
    null,
)

from index.predicate import Value
from index.specs import FieldType

HIDDEN = "•••"
"""Stands for the hidden part. Always three characters, so that it tells nothing of the length."""

PERIODS = ("day", "month", "year")
"""What a time can be cut down to; they begin in UTC."""

_KEPT = 4
_LONG = 8
_HASH_DIGITS = 20  # 80 bits: no two values of a company's data are likely to share one
_DIGITS = 250  # more than any number that a field can hold
_BLOCK = 64  # bytes, of SHA-256
# One @ and a domain of plain labels: in "the code@ 1234" nothing after the @ may be shown.
_E_MAIL = r"[^@]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"


class MaskKind(StrEnum):
    """How much of a field is withheld, the most first."""

    HIDE = "hide"  # all of it: the value is null
    REDACT = "redact"  # all but that there is one
    HASH = "hash"  # all but whether two values are the same
    BUCKET = "bucket"  # all but the month it falls in, or the band of numbers
    PARTIAL = "partial"  # an e-mail keeps its domain, other text its end
    CLEAR = "clear"  # nothing: lifts other masks


_ORDER = {kind: place for place, kind in enumerate(MaskKind)}

_KINDS_OF: dict[FieldType, tuple[MaskKind, ...]] = {
    FieldType.TEXT: (MaskKind.REDACT, MaskKind.HASH, MaskKind.PARTIAL),
    FieldType.INTEGER: (MaskKind.BUCKET,),
    FieldType.DECIMAL: (MaskKind.BUCKET,),
    FieldType.MONEY: (MaskKind.BUCKET,),
    FieldType.TIMESTAMP: (MaskKind.BUCKET,),
}


def kinds_of(type: FieldType) -> tuple[MaskKind, ...]:
    """The masks that make sense of a type; what comes out is always of that type."""
    return (MaskKind.HIDE, *_KINDS_OF.get(type, ()), MaskKind.CLEAR)


@dataclass(frozen=True)
class Mask:
    """A mask with, for a bucket, its width: `month`, or `1000` (of money: in the main unit)."""

    kind: MaskKind
    to: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} to {self.to}" if self.to else self.kind.value

    @property
    def strictness(self) -> tuple[int, Decimal]:
        """Sorts the most restrictive first; of two buckets the wider."""
        width = Decimal(0)
        if self.kind is MaskKind.BUCKET:
            width = Decimal(PERIODS.index(self.to)) if self.to in PERIODS else Decimal(self.to)
        return _ORDER[self.kind], -width

    def apply(self, value: Value | None, key: bytes = b"") -> Value | None:
        """What is shown of a value. Of a hash, `key` decides: other keys give other hashes."""
        if value is None or self.kind is MaskKind.CLEAR:
            return value
        match self.kind:
            case MaskKind.HIDE:
                return None
            case MaskKind.REDACT:
                return HIDDEN
            case MaskKind.PARTIAL:
                return _partial(str(value))
            case MaskKind.HASH:
                digest = hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()
                return "#" + digest[:_HASH_DIGITS]
            case MaskKind.BUCKET:
                return self._bucket(value)
            case _:
                assert_never(self.kind)

    def sql(self, column: ColumnElement[Any], key: bytes = b"") -> ColumnElement[Any]:
        """The same as `apply`, of a column; money needs `money_sql`."""
        match self.kind:
            case MaskKind.HIDE:
                return null()
            case MaskKind.REDACT:
                return case((column.is_not(None), literal(HIDDEN, Text)), else_=null())
            case MaskKind.PARTIAL:
                return _partial_sql(column)
            case MaskKind.HASH:
                return _hash_sql(column, key)
            case MaskKind.BUCKET:
                if self.to in PERIODS:
                    return func.date_trunc(self.to, column, "UTC", type_=column.type)
                return _band_sql(column, literal(Decimal(self.to), Numeric))
            case MaskKind.CLEAR:
                return column
            case _:
                assert_never(self.kind)

    def money_sql(
        self, minor: ColumnElement[Any], minor_per_unit: ColumnElement[Any]
    ) -> ColumnElement[Any]:
        """What is shown of an amount in minor units."""
        if self.kind is not MaskKind.BUCKET:
            return minor if self.kind is MaskKind.CLEAR else null()
        return _band_sql(minor, literal(Decimal(self.to), Numeric) * minor_per_unit)

    def _bucket(self, value: Value) -> Value:
        if isinstance(value, datetime):
            start = value.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            if self.to == "year":
                return start.replace(month=1, day=1)
            return start.replace(day=1) if self.to == "month" else start
        if not isinstance(value, int | Decimal):
            raise TypeError(f"{type(value).__name__} has no bands")
        band = Fraction(self.to)
        floor = math.floor(Fraction(value) / band) * band
        if floor.denominator == 1:
            return int(floor)
        with localcontext(prec=_DIGITS):
            return Decimal(floor.numerator) / Decimal(floor.denominator)


HIDE = Mask(MaskKind.HIDE)


def strictest(masks: Iterable[Mask]) -> Mask:
    """The one that withholds the most."""
    return min(masks, key=lambda mask: mask.strictness)


def width_problem(type: FieldType, to: str) -> str | None:
    """Why a bucket of a field of this type cannot have this width, or None."""
    if type is FieldType.TIMESTAMP:
        return None if to in PERIODS else f"a time is cut to one of {', '.join(PERIODS)}"
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", to) and Decimal(to) > 0:
        return None
    return "a number is cut to bands of a width, such as `to: 1000`"


def _partial(value: str) -> str:
    if re.fullmatch(_E_MAIL, value):
        return f"{HIDDEN}@{value.partition('@')[2]}"
    return HIDDEN + value[-_KEPT:] if len(value) > _LONG else HIDDEN


def _partial_sql(column: ColumnElement[Any]) -> ColumnElement[Any]:
    hidden = literal(HIDDEN, Text)
    return case(
        (column.is_(None), None),
        (
            column.regexp_match(f"^{_E_MAIL}$"),
            hidden.concat(literal("@", Text)).concat(func.split_part(column, "@", 2, type_=Text)),
        ),
        (func.length(column) > _LONG, hidden.concat(func.right(column, _KEPT, type_=Text))),
        else_=hidden,
    )


def _hash_sql(column: ColumnElement[Any], key: bytes) -> ColumnElement[Any]:
    """HMAC-SHA-256 (RFC 2104) from the one hash function that Postgres has without an extension."""
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner, outer = (
        literal(bytes(byte ^ pad for byte in block), LargeBinary) for pad in (0x36, 0x5C)
    )
    text = func.convert_to(column, "UTF8", type_=LargeBinary)
    digest = func.sha256(
        outer.concat(func.sha256(inner.concat(text), type_=LargeBinary)), type_=LargeBinary
    )
    digits = func.left(func.encode(digest, "hex", type_=Text), _HASH_DIGITS, type_=Text)
    return literal("#", Text).concat(digits)


def _band_sql(column: ColumnElement[Any], width: ColumnElement[Any]) -> ColumnElement[Any]:
    """The lower end of the band. By remainder, which is exact, where a quotient is rounded."""
    number = cast(column, Numeric)
    rest = func.mod(number, width, type_=Numeric)
    below = case((rest < 0, width), else_=literal(0, Numeric))
    return func.trim_scale(number - rest - below, type_=Numeric)

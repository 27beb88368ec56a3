"""Values in canonical form, and what is refused because Python and Postgres would differ on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from index.predicate import InvalidValue, Value, coerce
from index.specs import FieldType
from tests.index.predicate.hostile import NOW, STATUSES

CET = timezone(timedelta(hours=1))
ID = UUID("6f1c2a4e-0000-4000-8000-000000000001")


@pytest.mark.parametrize(
    ("type", "value", "canonical"),
    [
        (FieldType.TEXT, "", ""),
        (FieldType.ENUM, "open", "open"),
        # Both ends of bigint.
        (FieldType.INTEGER, 2**63 - 1, 2**63 - 1),
        (FieldType.INTEGER, -(2**63), -(2**63)),
        # A float is the number that was written.
        (FieldType.DECIMAL, 0.1, Decimal("0.1")),
        (FieldType.DECIMAL, 3, Decimal(3)),
        (FieldType.DECIMAL, Decimal("1.10"), Decimal("1.10")),
        (FieldType.BOOLEAN, False, False),
        # Times become UTC, from text too.
        (FieldType.TIMESTAMP, NOW.astimezone(CET), NOW),
        (FieldType.TIMESTAMP, "2026-01-01T01:00:00+01:00", datetime(2026, 1, 1, tzinfo=UTC)),
        (FieldType.TIMESTAMP, "2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        (FieldType.TEXT_LIST, ["a", ""], ("a", "")),
        (FieldType.TEXT_LIST, (), ()),
        (FieldType.ID, str(ID).upper(), ID),
    ],
)
def test_canonical(type: FieldType, value: object, canonical: Value) -> None:
    result = coerce(type, value, values=STATUSES if type is FieldType.ENUM else ())

    assert (result, repr(result)) == (canonical, repr(canonical))


@pytest.mark.parametrize(
    ("type", "value", "reason"),
    [
        *[(type, None, "there is no value") for type in FieldType],
        (FieldType.TEXT, 5, "expected text, not a whole number"),
        (FieldType.TEXT, "s3cret\0", "the character NUL"),
        (FieldType.TEXT, "s3cret\ud800", "half a surrogate pair"),
        (FieldType.ENUM, "s3cret", "expected one of open, pending, closed"),
        (FieldType.INTEGER, True, "expected a whole number, not true or false"),
        (FieldType.INTEGER, 1.0, "expected a whole number, not a decimal number"),
        (FieldType.INTEGER, "1", "expected a whole number, not text"),
        (FieldType.INTEGER, 2**63, "outside"),
        (FieldType.INTEGER, -(2**63) - 1, "outside"),
        (FieldType.DECIMAL, True, "expected a number"),
        (FieldType.DECIMAL, "1.5", "expected a number, not text"),
        (FieldType.DECIMAL, float("nan"), "finite"),
        (FieldType.DECIMAL, Decimal("Infinity"), "finite"),
        (FieldType.DECIMAL, Decimal("1E+1000000"), "more than 100 digits"),
        (FieldType.DECIMAL, Decimal("1E-1000000"), "more than 100 digits"),
        (FieldType.BOOLEAN, 1, "expected true or false, not a whole number"),
        (FieldType.TIMESTAMP, datetime(2026, 1, 1), "needs its zone"),  # noqa: DTZ001
        (FieldType.TIMESTAMP, "2026-01-01", "needs its zone"),
        (FieldType.TIMESTAMP, "s3cret", "expected a time such as"),
        (FieldType.TIMESTAMP, 1767225600, "expected a time, not a whole number"),
        (FieldType.TIMESTAMP, datetime.min.replace(tzinfo=CET), "outside the years"),
        (FieldType.TEXT_LIST, "s3cret", "expected a list of texts, not text"),
        (FieldType.TEXT_LIST, ["a", None], "expected text, not nothing"),
        (FieldType.TEXT_LIST, {"s3cret": 1}, "expected a list of texts, not an object"),
        (FieldType.ID, "s3cret", "expected an id"),
        (FieldType.ID, 7, "expected an id"),
        (FieldType.MONEY, 100, "two parts"),
    ],
)
def test_refused(type: FieldType, value: object, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason) as caught:
        coerce(type, value, values=STATUSES if type is FieldType.ENUM else ())

    assert "s3cret" not in str(caught.value)

"""Masks: what stays of a value, the same in Python and in Postgres."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import BigInteger, DateTime, Numeric, Text, bindparam, cast, select

from access_policies import Mask, MaskKind
from index.money import minor_per_unit
from tests.index.predicate.hostile import INTEGERS, TEXTS, TIMES, HostileRows

PARTIAL = Mask(MaskKind.PARTIAL)
HASH = Mask(MaskKind.HASH)
KEY = b"a key of the tenant's own"
_TYPES: dict[type, Any] = {
    str: Text(collation="C"),
    int: BigInteger(),
    Decimal: Numeric(),
    datetime: DateTime(timezone=True),
}


def _in_postgres(mask: Mask, value: Any, kind: type, rows: HostileRows, key: bytes = KEY) -> Any:
    column = cast(bindparam(None, value, type_=_TYPES[kind]), _TYPES[kind])
    return rows.connection.scalar(select(mask.sql(column, key)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        # An e-mail keeps its domain.
        ("bob@acme.com", "•••@acme.com"),
        ("b@mail.acme.co.uk", "•••@mail.acme.co.uk"),
        # Not one address, or words after it: no domain is shown.
        ("bob@@acme.com", "•••.com"),
        ("a@b.co, c@d.co", "•••d.co"),
        ("bob@acme.com and the code is 12345678", "•••5678"),
        ("@acme.com", "•••.com"),
        ("pin@1234", "•••"),
        ("bob@acme.com\n", "•••com\n"),
        # Other text keeps its last four characters if it is longer than eight.
        ("4111111111111111", "•••1111"),
        ("ninechars", "•••hars"),
        ("exactly8", "•••"),
        ("", "•••"),
        # Characters, not bytes.
        ("日本語日本語日本語", "•••語日本語"),
    ],
)
def test_partial(value: str | None, shown: str | None, hostile_rows: HostileRows) -> None:
    assert PARTIAL.apply(value) == shown
    assert _in_postgres(PARTIAL, value, str, hostile_rows) == shown


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (Mask(MaskKind.HIDE), "anything", None),
        (Mask(MaskKind.CLEAR), "anything", "anything"),
        (Mask(MaskKind.REDACT), "anything", "•••"),
        (Mask(MaskKind.REDACT), "", "•••"),
        # That there is no value is no secret: hide leaves the same.
        (Mask(MaskKind.REDACT), None, None),
        # Bands begin at their lower end, below zero too.
        (Mask(MaskKind.BUCKET, "1000"), 1999, 1000),
        (Mask(MaskKind.BUCKET, "1000"), 2000, 2000),
        (Mask(MaskKind.BUCKET, "1000"), -1, -1000),
        (Mask(MaskKind.BUCKET, "1000"), -1000, -1000),
        (Mask(MaskKind.BUCKET, "0.5"), Decimal("1.74"), Decimal("1.5")),
        # A quotient of 17 digits would be rounded up into the next band.
        (Mask(MaskKind.BUCKET, "3"), Decimal("2.99999999999999999999"), 0),
        (Mask(MaskKind.BUCKET, "10"), -(2**63), -9223372036854775810),
        # Months and years begin in UTC.
        (
            Mask(MaskKind.BUCKET, "month"),
            datetime.fromisoformat("2026-03-01T00:30:00+02:00"),
            datetime(2026, 2, 1, tzinfo=UTC),
        ),
        (
            Mask(MaskKind.BUCKET, "year"),
            datetime(2026, 12, 31, 23, tzinfo=UTC),
            datetime(2026, 1, 1, tzinfo=UTC),
        ),
        (
            Mask(MaskKind.BUCKET, "day"),
            datetime(2026, 5, 5, 5, tzinfo=UTC),
            datetime(2026, 5, 5, tzinfo=UTC),
        ),
    ],
)
def test_masks(mask: Mask, value: Any, shown: Any, hostile_rows: HostileRows) -> None:
    kind = str if value is None else type(value)

    assert mask.apply(value, KEY) == shown
    assert _in_postgres(mask, value, kind, hostile_rows) == shown


def test_masks_of_hostile_texts(hostile_rows: HostileRows) -> None:
    column = hostile_rows.ticket.c.title
    masks = [Mask(kind) for kind in (MaskKind.PARTIAL, MaskKind.REDACT, MaskKind.HASH)]
    columns = [mask.sql(column, KEY) for mask in masks]
    rows = hostile_rows.connection.execute(select(column, *columns)).all()

    assert {row[0] for row in rows} > set(TEXTS[:10])
    assert all(list(row[1:]) == [mask.apply(row[0], KEY) for mask in masks] for row in rows)


@pytest.mark.parametrize("to", ["1", "7", "1000", "0.25"])
def test_bands_of_hostile_numbers(to: str, hostile_rows: HostileRows) -> None:
    mask = Mask(MaskKind.BUCKET, to)

    for value in [value for value in INTEGERS if value is not None]:
        assert _in_postgres(mask, value, int, hostile_rows) == mask.apply(value)


@pytest.mark.parametrize("to", ["day", "month", "year"])
def test_buckets_of_hostile_times(to: str, hostile_rows: HostileRows) -> None:
    mask = Mask(MaskKind.BUCKET, to)

    for value in [value for value in TIMES if value is not None]:
        assert _in_postgres(mask, value, datetime, hostile_rows) == mask.apply(value)


def test_a_hash_tells_equal_values_and_only_with_the_same_key(hostile_rows: HostileRows) -> None:
    ann, again, bob = (HASH.apply(text, KEY) for text in ("ann@x.io", "ann@x.io", "bob@x.io"))

    assert ann == again != bob
    assert ann != HASH.apply("ann@x.io", b"another key")
    assert "ann" not in str(ann)


@pytest.mark.parametrize("key", [b"", b"k" * 64, b"k" * 65])
def test_a_hash_is_the_same_whatever_the_length_of_the_key(
    key: bytes, hostile_rows: HostileRows
) -> None:
    in_postgres = _in_postgres(HASH, "ann@x.io", str, hostile_rows, key)
    assert in_postgres == HASH.apply("ann@x.io", key)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        # The width of a band of money is in the currency's main unit.
        (123_456, "EUR", 100_000),
        (123_456, "JPY", 123_000),
        (1_234_567, "KWD", 1_000_000),
        (-1, "EUR", -100_000),
        (None, "EUR", None),
    ],
)
def test_bands_of_money(
    minor: int | None, currency: str, shown: int | None, hostile_rows: HostileRows
) -> None:
    amount = cast(bindparam(None, minor, type_=BigInteger()), BigInteger())
    unit = minor_per_unit(cast(bindparam(None, currency, type_=Text()), Text()))
    band = Mask(MaskKind.BUCKET, "1000").money_sql(amount, unit)

    assert hostile_rows.connection.scalar(select(band)) == shown

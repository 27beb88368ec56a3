from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingestion.mapping.conversion import (
    to_boolean,
    to_decimal,
    to_integer,
    to_money,
    to_text,
    to_text_list,
    to_timestamp,
)

CONVERTED: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (to_text, "  x ", "x"),
    (to_text, 42, "42"),  # numeric ids
    (to_text, " \u200b ", None),  # nothing is left of it
    (to_timestamp, "2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
    (to_timestamp, "2026-11-01T12:00:00.000+0200", datetime(2026, 11, 1, 10, tzinfo=UTC)),
    (to_timestamp, "2026-11-01T12:00:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),  # no zone: UTC
    (to_timestamp, "2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),  # a date is its midnight
    (to_timestamp, 1_793_534_400, datetime(2026, 11, 1, 12, tzinfo=UTC)),  # epoch seconds
    (to_timestamp, 1_793_534_400_000, datetime(2026, 11, 1, 12, tzinfo=UTC)),  # milliseconds
    (to_timestamp, "", None),
    (to_integer, 3.0, 3),
    (to_integer, "17", 17),
    (to_decimal, 0.1, Decimal("0.1")),  # not the binary neighbour
    (to_boolean, "True", True),
    (to_text_list, ["b", None, "a", "b", ""], ["b", "a"]),  # in their order, each once
    (to_text_list, "alone", ["alone"]),
    (to_text_list, None, None),
]


@pytest.mark.parametrize(("convert", "value", "expected"), CONVERTED)
def test_value_is_converted(convert: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert convert(value) == expected


REFUSED: list[tuple[Callable[[Any], Any], Any]] = [
    (to_text, {"secret": "payload"}),
    (to_timestamp, "payload"),
    (to_timestamp, True),
    (to_timestamp, 1e300),
    (to_integer, 1.5),
    (to_integer, 2**63),
    (to_decimal, "payload"),
    (to_decimal, float("nan")),
    (to_decimal, True),
    (to_boolean, "payload"),
    (to_boolean, 1),
    (lambda amount: to_money(amount, "EUR", minor=False), "1e400"),  # more digits than we reckon in
    (lambda amount: to_money(amount, "EUR", minor=False), "9" * 30),
    (lambda amount: to_money(amount, "EUR", minor=False), "1e999999"),
    (lambda amount: to_money(amount, "EUR", minor=True), 2**70),
]


@pytest.mark.parametrize(("convert", "value"), REFUSED)
def test_refusal_does_not_quote_the_value(convert: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(ValueError, match="it ") as refused:
        convert(value)
    assert "payload" not in str(refused.value)


MONEY: list[tuple[Any, Any, bool, tuple[int | None, str | None]]] = [
    (1250, "eur", True, (1250, "EUR")),
    (1250, "jpy", True, (1250, "JPY")),  # yen have no minor unit
    (12.5, "EUR", False, (1250, "EUR")),
    (1250.0, "JPY", False, (1250, "JPY")),
    (1.2345, "KWD", False, (1235, "KWD")),  # three decimals, half rounds up
    (0, "USD", False, (0, "USD")),
    (None, "USD", False, (None, None)),  # no amount is not zero
]


@pytest.mark.parametrize(("amount", "currency", "minor", "expected"), MONEY)
def test_money(amount: Any, currency: Any, minor: bool, expected: tuple[Any, Any]) -> None:
    assert to_money(amount, currency, minor=minor) == expected


@pytest.mark.parametrize("currency", [None, "", "EURO", "€", 978])
def test_money_needs_a_currency(currency: Any) -> None:
    with pytest.raises(ValueError, match="currency"):
        to_money(1, currency, minor=True)

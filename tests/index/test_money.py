from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.money import decimals, to_minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("1250", "JPY", 1250),  # no decimals
        ("12.345", "KWD", 12345),  # three
        ("0.005", "USD", 1),  # half rounds up
        ("-0.01", "USD", -1),
        ("12.5", "usd", 1250),  # the code in any case
        ("1", "QQQ", 100),  # an unknown currency has two
    ],
)
def test_major_to_minor(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "JPY", "KWD", "CLF"]))
def test_what_was_minor_comes_back(minor: int, currency: str) -> None:
    assert to_minor(Decimal(minor).scaleb(-decimals(currency)), currency) == minor

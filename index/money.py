"""Money is an integer count of a currency's minor unit, and the currency's ISO 4217 code."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import ColumnElement, Numeric, String, case, cast, func

# ISO 4217 (SIX, list one): every currency has two decimals but these.
_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),
    3: "BHD IQD JOD KWD LYD OMR TND".split(),
    4: "CLF UYW".split(),
}
_DECIMALS_OF = {code: decimals for decimals, codes in _DECIMALS.items() for code in codes}


def decimals(currency: str) -> int:
    """How many decimals the major unit of a currency has: 2 for EUR, 0 for JPY."""
    return _DECIMALS_OF.get(currency.upper(), 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Major units to minor units: 12.50 EUR is 1250, 1250 JPY is 1250. Half rounds up."""
    return int(amount.scaleb(decimals(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def minor_per_unit(currency: ColumnElement[str]) -> ColumnElement[int]:
    """How many minor units make one major unit, computed in SQL: 100 for EUR, 1 for JPY."""
    branches = [(currency.in_(codes), 10**places) for places, codes in _DECIMALS.items()]
    return case(*branches, else_=100)


def major_text(minor: ColumnElement[int], currency: ColumnElement[str]) -> ColumnElement[str]:
    """The amount in major units as text with exactly the currency's decimals, computed in SQL."""
    amount = cast(minor, Numeric)
    branches = [
        (currency.in_(codes), cast(func.round(amount / 10**places, places), String))
        for places, codes in _DECIMALS.items()
    ]
    return case(*branches, else_=cast(func.round(amount / 100, 2), String))

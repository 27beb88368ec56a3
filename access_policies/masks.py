"""What is left of a masked value, in Python and in SQL alike."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, literal

HIDDEN = "•••"
"""Stands for the hidden part. Always three characters, so that it tells nothing of the length."""

_KEPT = 4
_LONG = 8
# One @ and a domain of plain labels: in "the code@ 1234" nothing after the @ may be shown.
_E_MAIL = r"[^@]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"


class Mask(StrEnum):
    """How much of a field is withheld."""

    HIDE = "hide"  # all of it: the value is null
    PARTIAL = "partial"  # of text only: an e-mail keeps its domain, other text its end


def partial(value: str | None) -> str | None:
    """The text with its telling part replaced: `•••@example.com`, or `•••` and the last four
    characters of a text longer than eight."""
    if value is None:
        return None
    if re.fullmatch(_E_MAIL, value):
        return f"{HIDDEN}@{value.partition('@')[2]}"
    return HIDDEN + value[-_KEPT:] if len(value) > _LONG else HIDDEN


def partial_sql(column: ColumnElement[Any]) -> ColumnElement[str | None]:
    """The same as `partial`, of a text column."""
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

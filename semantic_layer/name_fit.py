"""How well a name that somebody gives fits the name of a row, computed in SQL."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, func, literal, null, or_

# Unicode case folding that does not depend on the server's locale (PostgreSQL 17 and later).
_UNICODE = "pg_c_utf8"

_LEGAL_FORMS = (
    "ab ag as asa bv bvba co company corp corporation eurl gmbh inc incorporated kg kk limited llc"
    " llp lp ltd nv oy oyj plc pte pty sa sarl sas se sl spa srl ug"
).split()
# At the end of a name, or as Japanese and Chinese have it, at either end without a space.
_LEGAL_FORM = (
    f"(( ({'|'.join(_LEGAL_FORMS)}))+|股份有限公司|有限公司|株式会社)$|^(株式会社|有限会社)"
)


class NameFit(IntEnum):
    """From good to poor. Only the first two are taken for what was meant."""

    FULL = 0  # the whole name, whatever its case and punctuation
    SHORT = 1  # the whole name less its legal form: "Acme" for "Acme Inc."
    NEAR = 2  # its beginning, or the same name with another legal form: worth asking back


def name_fit(name: ColumnElement[Any], wanted: str) -> ColumnElement[Any]:
    """The fit of a name as `NameFit`'s number, null when it does not fit at all."""
    theirs, ours = _folded(name), _folded(literal(wanted, Text))
    their_short, our_short = _without_legal_form(theirs), _without_legal_form(ours)
    return case(
        (theirs == ours, NameFit.FULL.value),
        (and_(ours == our_short, their_short == ours), NameFit.SHORT.value),
        (
            and_(our_short != "", or_(their_short == our_short, _begins(theirs, our_short))),
            NameFit.NEAR.value,
        ),
        else_=null(),
    )


def _begins(name: ColumnElement[Any], beginning: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.starts_with(name, beginning + " ")  # whole words: "Acme" does not begin "Acmexx"


def _folded(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A name without case and punctuation: `ACME Corp.` and `acme corp` are one."""
    lower = func.lower(value.collate(_UNICODE))
    spaced = func.regexp_replace(lower, "[[:punct:][:space:]]+", " ", "g")
    return func.btrim(spaced, type_=Text).collate("C")


def _without_legal_form(folded: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.btrim(func.regexp_replace(folded, _LEGAL_FORM, "", "g"), type_=Text).collate("C")

"""Answers as compact text: a table costs an agent a quarter of the tokens of the same JSON.

    open tickets of Acme Corporation
    number|status|priority|subject|created
    1042|OPEN|URGENT|Checkout is down|2026-10-31 08:15
    6 rows · as of 2026-11-01 09:00 from zendesk

Whatever came from a source stays within its cell, so that a record cannot pass for another row, for
a footer, or for words of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from semantic_layer.resolver import Asked

_LONGEST_CELL = 160
_ABOUT_ROWS = ("hiddenFields", "provenance")  # told once in the footer, not in every row

Row = Mapping[str, Any]


def answer_text(asked: Asked) -> str:
    """What came of a business request, in lines."""
    return "\n".join(_lines(asked))


def _lines(asked: Asked) -> Iterator[str]:
    if asked.status != "ANSWERED" or asked.data is None:
        yield f"{asked.status}: {one_line(asked.message)}"
        yield from (f"- {one_line(option.text)}" for option in asked.options)
        return
    yield one_line(asked.interpretation)
    found = _page_in(asked.data)
    if found is not None:
        yield from _page_lines(found)
    else:
        yield from _row_lines(next(iter(asked.data.values())))


def _page_in(data: Row) -> Row | None:
    """The page of rows that the answer is about: a root, or the one list of a root."""
    for root in data.values():
        if not isinstance(root, Mapping):
            continue
        for value in (root, *root.values()):
            if isinstance(value, Mapping) and "nodes" in value:
                return value
    return None


def _page_lines(page: Row) -> Iterator[str]:
    rows: Sequence[Row] = page["nodes"]
    if rows:
        columns = [name for name in rows[0] if name not in _ABOUT_ROWS]
        yield "|".join(columns)
        for row in rows:
            yield "|".join(cell(row[name]) for name in columns)
    yield " · ".join(_footer(rows, page))


def _row_lines(row: Row) -> Iterator[str]:
    for name, value in row.items():
        if name not in _ABOUT_ROWS:
            yield f"{name}: {cell(value)}"
    yield " · ".join(_about([row]))


def _footer(rows: Sequence[Row], page: Row) -> Iterator[str]:
    total = page.get("totalCount", len(rows))
    yield f"{total} rows" if total == len(rows) else f"{len(rows)} of {total} rows"
    yield from _about(rows)
    if page.get("stale"):
        yield f"STALE: {one_line(page.get('staleReason') or 'the source was not read')}"
    info = page.get("pageInfo") or {}
    if info.get("hasNextPage"):
        yield f"more with after:{info['endCursor']}"


def _about(rows: Sequence[Row]) -> Iterator[str]:
    """How old the rows are, where they come from, and what policy hides in them."""
    origins = [row["provenance"] for row in rows if row.get("provenance")]
    if origins:
        oldest = min(origin["asOf"] for origin in origins)
        sources = ", ".join(sorted({origin["source"] for origin in origins}))
        yield f"as of {cell(oldest)} UTC from {sources}"
    hidden = sorted({name for row in rows for name in row.get("hiddenFields") or ()})
    if hidden:
        yield f"hidden from you: {', '.join(hidden)}"
    reasons = {o["staleReason"] for o in origins if o.get("stale") and o.get("staleReason")}
    if reasons:
        yield f"STALE: {one_line('; '.join(sorted(reasons)))}"


def cell(value: Any) -> str:
    """A value in one cell: no line break, no cell border, and not long."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return _small_object(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(cell(item) for item in value)
    text = str(value)
    return _moment(text) or _short(one_line(text))


def one_line(text: str) -> str:
    """The text without line breaks of any kind; the border of cells becomes a look-alike."""
    return " ".join(text.split()).replace("|", "¦")


def _small_object(value: Row) -> str:
    if value.keys() == {"totalCount"}:
        return str(value["totalCount"])
    return " ".join(cell(part) for name, part in value.items() if not name.startswith("__"))


def _moment(text: str) -> str | None:
    """A point in time to the minute, in UTC; None for other text."""
    if len(text) < 20 or text[4:5] != "-" or text[10:11] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = moment.strftime("%Y-%m-%d %H:%M")
    return at.removesuffix(" 00:00")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"

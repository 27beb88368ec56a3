"""Where a page of stored rows ends, so that it fits into memory however large its rows are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select

from index.stream import Stream, of_stream

PAGE_BYTES = 8_000_000


def last_of_page(
    connection: Connection,
    table: Table,
    stream: Stream,
    name: str,
    size: ColumnElement[int],
    *,
    after: Any,
    rows: int,
) -> Any | None:
    """The last value of the column `name` on the page after one; None when there are no more rows.

    A page has at most so many rows, of a `size` of PAGE_BYTES together, but one row at least.
    """
    key = table.c[name]
    candidates = (
        select(key.label("key"), size.label("size"))
        .where(*of_stream(table, stream), key > after)
        .order_by(key)
        .limit(rows)
        .subquery()
    )
    before = func.sum(candidates.c.size).over(order_by=candidates.c.key) - candidates.c.size
    measured = select(candidates.c.key, before.label("before")).subquery()
    last = (
        select(measured.c.key)
        .where(measured.c.before < PAGE_BYTES)
        .order_by(measured.c.key.desc())
        .limit(1)
    )
    return connection.execute(last).scalar_one_or_none()

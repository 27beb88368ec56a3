"""Zendesk's incremental exports: what changed since a time or a cursor.

https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/
Zendesk holds back the latest minute; the simulator shows a change at once.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlencode

from ingestion.simulator.table import Record, Table


class CursorError(ValueError):
    """A cursor that no export has given out."""


def by_cursor(
    table: Table, name: str, url: str, size: int, start_time: int | None, cursor: str | None
) -> Record:
    """A page of a cursor-based export, from a cursor if there is one, else from a time on."""
    if cursor is not None:
        start = table.changed.after(_decode(cursor))
    else:
        start = table.changed.position((start_time,))
    page = table.changed.records[start : start + size]
    end = start + len(page)
    last = table.change_key(page[-1]) if page else None
    after = _encode(last) if last else cursor or _encode((start_time, 0, 0))
    return {
        name: page,
        "after_url": f"{url}?{urlencode({'cursor': after, 'per_page': size})}",
        "after_cursor": after,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": end >= len(table.changed),
    }


def by_time(table: Table, url: str, size: int, start_time: int) -> tuple[list[Record], Record]:
    """A page of a time-based export: its records, and the fields that go with them.

    The next page starts at the time at which this one ends, so records of that second come again.
    Records of one second are never split, and a page always gets past the second it began with;
    otherwise a crowded second would be returned for ever.
    """
    records = table.changed.records
    start = table.changed.position((start_time,))
    end = min(start + size, len(records))
    stamp = start_time
    while start < end:
        stamp = table.change_key(records[end - 1])[0]
        end = table.changed.position((stamp + 1,))
        if stamp > start_time or end >= len(records):
            break
        end += 1
    page = records[start:end]
    more = {"start_time": stamp, "per_page": size}
    return page, {
        "count": len(page),
        "end_time": stamp if page else None,
        "end_of_stream": end >= len(records),
        "next_page": f"{url}?{urlencode(more)}" if page else None,
    }


def _encode(key: tuple[Any, ...]) -> str:
    text = "|".join(str(part) for part in key)
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(cursor: str) -> tuple[int, ...]:
    try:
        parts = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        stamp, number, record_id = (int(part) for part in parts)
    except (ValueError, binascii.Error) as error:
        raise CursorError("cursor is not valid") from error
    return stamp, number, record_id

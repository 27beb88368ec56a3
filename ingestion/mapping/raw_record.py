"""A record that nothing else is made of, as one row of the entity `raw_record`: whole, as JSON.

So what a source sends can be read and searched under policies before anybody has mapped it.
"""

from __future__ import annotations

from typing import Any

import orjson

from index.stream import Stream
from ingestion.mapping.conversion import to_json, to_text
from ingestion.mapping.format import RAW_RECORD
from ingestion.mapping.values import Record

# What a person would call a record by; the first that it has.
_LABELS = ("name", "title", "subject", "label", "email", "number", "key", "id", "uuid")


class RawRecord:
    """Makes such rows of the records of one stream."""

    entity = RAW_RECORD

    def __init__(self, stream: Stream) -> None:
        self._names = {"source_name": stream.source, "stream_name": stream.name}

    def row(self, record: Record) -> dict[str, Any]:
        """The row, of which invisible characters and markup are gone, as of all texts."""
        return {
            **self._names,
            "label": _label(record),
            # Sorted, for the record that is held has its names in another order.
            "content": orjson.dumps(to_json(record) or {}, option=orjson.OPT_SORT_KEYS).decode(),
            "created_at": None,
            "updated_at": None,
            "remote_url": None,
            "custom": {},
        }


def _label(record: Record) -> str | None:
    for name in _LABELS:
        value = record.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            label = to_text(value)
            if label is not None:
                return label
    return None

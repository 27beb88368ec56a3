"""A stream of a source, and the ids of the rows that its records become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

_ROWS = UUID("b3a6e0f0-6f0b-5a55-9c39-0d3c1a5f7a11")


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream of one configured source, and the entities that its records may become."""

    tenant: str
    source: str
    name: str
    entities: tuple[str, ...] = ()


def row_id(stream: Stream, key: str) -> UUID:
    """The id of the row that a record becomes: the same on every sync and on every machine."""
    return uuid5(_ROWS, "\x1f".join((stream.tenant, stream.source, stream.name, key)))


def of_stream(table: Any, stream: Stream) -> tuple[Any, Any, Any]:
    """The conditions for what a table has of the stream."""
    return (
        table.c.tenant_id == stream.tenant,
        table.c.source == stream.source,
        table.c.stream == stream.name,
    )

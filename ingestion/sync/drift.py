"""New fields of a stream, noticed once."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from index.stream import Stream, of_stream
from index.tables import stream_field

_LONGEST_NAME = 200


class KnownFields:
    """The top-level fields that the stream's records have had.

    All that the first sync meets is learned and is no news.
    """

    def __init__(self, connection: Connection, stream: Stream) -> None:
        known = select(stream_field.c.field).where(*of_stream(stream_field, stream))
        self._stream = stream
        self._known = set(connection.execute(known).scalars())
        self._learning = not self._known

    def learn(self, connection: Connection, fields: Collection[str]) -> set[str]:
        """Keep the fields; returns those that are news. They count as known once `learned`."""
        # A name of kilobytes is no field's, and does not fit into an index.
        new = {name for name in set(fields) - self._known if len(name) <= _LONGEST_NAME}
        if new:
            key = {
                "tenant_id": self._stream.tenant,
                "source": self._stream.source,
                "stream": self._stream.name,
            }
            rows = [{**key, "field": name} for name in sorted(new)]
            connection.execute(insert(stream_field).values(rows).on_conflict_do_nothing())
        return set() if self._learning else new

    def learned(self, fields: Collection[str]) -> None:
        """What was kept is committed."""
        self._known.update(fields)

"""Records of one stream taken into the index: only what changed is mapped and written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from index.entity_tables import EntityTables
from index.incoming import Incoming, Unstorable
from index.rejected import Rejection
from index.stream import Stream
from index.writer import Written, differing, write_changed
from ingestion.mapping.mapper import Mapper, Unmappable

Record = dict[str, Any]

# A record of more bytes of JSON is set aside: a batch is in memory several times over, and Postgres
# takes no text of more than a gigabyte.
LARGEST_RECORD = 16 << 20


class Identified(NamedTuple):
    """A record with its key and content hash, and as the source sent it; `mapped` if it has its row
    already."""

    incoming: Incoming
    record: Record
    mapped: bool = False


@dataclass
class Taken:
    """What became of records: what was written, what was set aside, and the fields that came."""

    changed: dict[str, list[UUID]] = field(default_factory=dict)  # row ids by entity
    written: int = 0
    deleted: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)  # top-level, of the changed records

    def add(self, written: Written) -> None:
        """Count what a transaction, or a part of it, has written."""
        self.written += written.records
        self.deleted += written.deleted
        for entity, ids in written.changed.items():
            self.changed.setdefault(entity, []).extend(ids)


class Intake:
    """What takes the records of one stream, for a sync and for a replay."""

    def __init__(self, tables: EntityTables, stream: Stream, mapper: Mapper) -> None:
        self._tables = tables
        self._stream = stream
        self._mapper = mapper

    def identify(self, record: Record, *, map_at: datetime | None = None) -> Identified | Rejection:
        """The record with its key and hash, or why it cannot be kept.

        With `map_at`, which dates a deletion without a time, it is mapped as well, if it can be:
        where none is held all have to be, and better before it is Postgres' turn than in between.
        """
        mapped = False
        try:
            incoming = self._mapper.identify(record)
            if map_at is not None:
                # One that cannot be mapped may be outdated by another of its key.
                with suppress(Unmappable):
                    incoming = self._mapper.project(incoming, record, at=map_at)
                    mapped = True
        except (Unmappable, Unstorable) as error:
            return self._mapper.rejection(record, error)
        if len(incoming.data) > LARGEST_RECORD:
            reason = f"it has more than {LARGEST_RECORD >> 20} MiB"
            return Rejection(incoming.key, record, reason)
        return Identified(incoming, record, mapped)

    def take(
        self,
        connection: Connection,
        records: Sequence[Identified],
        at: datetime,
        *,
        began: datetime | None = None,
        mapped: Callable[[], None] | None = None,
    ) -> Taken:
        """Write those that changed, in this transaction; `at` is when they were read.

        What was found gone after reading them `began` stays so. One that Postgres refuses is set
        aside: Postgres does not say which, so they are then written one by one. `mapped` is called
        when it is Postgres' turn, if it comes to that.
        """
        taken = Taken()
        try:
            with connection.begin_nested():
                self._take(connection, records, at, began, taken, mapped)
        except DataError:
            taken = Taken()
            for identified in records:
                self._take_one(connection, identified, at, began, taken)
        return taken

    def _take_one(
        self,
        connection: Connection,
        identified: Identified,
        at: datetime,
        began: datetime | None,
        taken: Taken,
    ) -> None:
        incoming, record, _ = identified
        try:
            with connection.begin_nested():
                self._take(connection, [identified], at, began, taken)
        except DataError as error:
            reason = f"the database refuses it ({type(error.orig).__name__})"
            taken.rejected.append(Rejection(incoming.key, record, reason))

    def _take(
        self,
        connection: Connection,
        records: Sequence[Identified],
        at: datetime,
        began: datetime | None,
        taken: Taken,
        mapped: Callable[[], None] | None = None,
    ) -> None:
        changed = differing(connection, self._stream, (one.incoming for one in records))
        if not changed:
            return
        sent = {one.incoming.key: one for one in records}
        rows: list[Incoming] = []
        for item in changed:
            _, record, mapped_before = sent[item.key]
            try:
                row = item if mapped_before else self._mapper.project(item, record, at=at)
            except Unmappable as error:
                taken.rejected.append(Rejection(item.key, record, str(error)))
            else:
                rows.append(row)
                taken.fields.update(record)
        if mapped is not None:
            mapped()
        written = write_changed(connection, self._tables, self._stream, rows, at=at, began=began)
        taken.add(written)

"""Batches of records on their way into the index, each committed whole."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Any
from uuid import UUID

import orjson

from index.database import Database, clock
from index.rejected import Rejection, accept, has_rejected, reject
from index.stream import Stream
from index.stream_state import ensure_ours, save_state
from ingestion.sync.drift import KnownFields
from ingestion.sync.intake import Identified, Intake, Taken
from ingestion.sync.seen import SeenKeys

BATCH = 1000
BATCH_BYTES = 8_000_000


@dataclass
class Batch:
    """Records, those set aside with the reason, and the STATE after them."""

    records: list[Identified] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    size: int = 0  # bytes of the JSON of all of them
    state: Any | None = None

    def add(self, one: Identified | Rejection) -> None:
        """One more record."""
        if isinstance(one, Rejection):
            self.rejected.append(one)
            self.size += _size(one.raw)
        else:
            self.records.append(one)
            self.size += len(one.incoming.data)

    def __len__(self) -> int:
        return len(self.records) + len(self.rejected)


@dataclass(frozen=True)
class Committed:
    """What a committed batch brought."""

    records: int
    taken: Taken
    new_fields: frozenset[str]


class BatchWriter:
    """Writes the batches of one stream in their order, while the next one is being read.

    One batch is under way at most, in the one thread of `thread`. The next one is filled while
    Postgres works on it, and not before, since two threads of Python work no faster than one.
    The stream is read since `began`, by the database's clock. With `seen`, the keys that came are
    collected; with `newest_first` as well, a key that came before is passed over.
    """

    def __init__(
        self,
        database: Database,
        stream: Stream,
        intake: Intake,
        run_id: UUID,
        *,
        began: datetime,
        thread: Executor,
        seen: SeenKeys | None = None,
        newest_first: bool = False,
    ) -> None:
        self._database = database
        self._stream = stream
        self._intake = intake
        self._run_id = run_id
        self._thread = thread
        self._seen = seen
        self._newest_first = newest_first
        with database.writing() as connection:
            self._fields = KnownFields(connection, stream)
            self._has_rejected = has_rejected(connection, stream)
        self._under_way: Future[Committed] | None = None
        self._mapped = Event()  # what can be done of the batch under way without Postgres
        # When the last two were written. As the first of them was, nobody had begun to fill the
        # next one, so what it holds was read after that.
        self._written_at = deque([began, began], maxlen=2)

    def write(self, batch: Batch) -> Committed | None:
        """Begin to write; returns what the batch before brought, or raises what hindered it."""
        committed = self.finish()
        self._mapped.clear()
        self._under_way = self._thread.submit(self._commit, batch)
        self._under_way.add_done_callback(lambda _: self._mapped.set())  # also if it failed
        self._mapped.wait()
        return committed

    def finish(self) -> Committed | None:
        """Wait for the batch under way; returns what it brought, or raises what hindered it."""
        if self._under_way is None:
            return None
        future, self._under_way = self._under_way, None
        return future.result()

    def _commit(self, batch: Batch) -> Committed:
        records = self._first_of_each(batch.records) if self._newest_first else batch.records
        if self._seen is not None:
            rejected = [one.key for one in batch.rejected if one.key is not None]
            came = [one.incoming.key for one in records] + rejected
            new = self._seen.add(self._stream, came)
            if self._newest_first:
                records = [one for one in records if one.incoming.key in new]
        with self._database.writing() as connection:
            ensure_ours(connection, self._stream, self._run_id)
            at = clock(connection)
            taken = self._intake.take(
                connection, records, at, began=self._written_at[0], mapped=self._mapped.set
            )
            taken.rejected += batch.rejected
            new_fields = self._fields.learn(connection, taken.fields)
            if self._has_rejected:
                accept(connection, self._stream, (one.incoming.key for one in records))
            if taken.rejected:
                reject(connection, self._stream, self._run_id, taken.rejected)
            if batch.state is not None:
                save_state(connection, self._stream, batch.state)
        self._written_at.append(at)
        self._fields.learned(taken.fields)
        self._has_rejected = self._has_rejected or bool(taken.rejected)
        return Committed(len(batch), taken, frozenset(new_fields))

    @staticmethod
    def _first_of_each(records: list[Identified]) -> list[Identified]:
        first: dict[str, Identified] = {}
        for one in records:
            first.setdefault(one.incoming.key, one)
        return list(first.values())


def _size(raw: Any) -> int:
    try:
        return len(orjson.dumps(raw, option=orjson.OPT_NON_STR_KEYS))
    except (TypeError, ValueError):
        pass
    try:
        return len(repr(raw))  # nothing that JSON can hold
    except RecursionError:
        return BATCH_BYTES

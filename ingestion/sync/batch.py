"""Batches of records on their way into the index, each committed whole."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from index.database import Database
from index.entity_tables import EntityTables
from index.writer import Stream, Written, reject, save_state, write_batch
from ingestion.airbyte.in_process import Record
from ingestion.mapping.mapper import Mapped


@dataclass
class Batch:
    """Records as they were mapped, those set aside with the reason, and the STATE after them."""

    mapped: list[Mapped] = field(default_factory=list)
    rejected: list[tuple[Record, str]] = field(default_factory=list)
    state: Any | None = None

    def __len__(self) -> int:
        return len(self.mapped) + len(self.rejected)


class BatchWriter:
    """Writes the batches of one stream in their order, while the next one is being read.

    Use it in a `with` block; one batch is under way at most.
    """

    def __init__(
        self, database: Database, tables: EntityTables, stream: Stream, run_id: UUID
    ) -> None:
        self._database = database
        self._tables = tables
        self._stream = stream
        self._run_id = run_id
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"write-{stream.name}")
        self._under_way: tuple[Batch, Future[Written]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()

    def write(self, batch: Batch) -> tuple[Batch, Written] | None:
        """Begin to write; returns the batch before, now committed, or raises what hindered it."""
        committed = self.finish()
        self._under_way = batch, self._thread.submit(self._commit, batch)
        return committed

    def finish(self) -> tuple[Batch, Written] | None:
        """Wait for the batch under way; returns it, or raises what hindered it."""
        if self._under_way is None:
            return None
        batch, future = self._under_way
        self._under_way = None
        return batch, future.result()

    def _commit(self, batch: Batch) -> Written:
        try:
            with self._database.writing() as connection:
                written = self._write(connection, batch.mapped)
                self._set_aside(connection, batch)
        except DataError:
            # Postgres refuses one of them without saying which; the transaction is undone.
            with self._database.writing() as connection:
                written = self._write_one_by_one(connection, batch)
                self._set_aside(connection, batch)
        return written

    def _write(self, connection: Connection, mapped: Sequence[Mapped]) -> Written:
        incoming = [one.incoming for one in mapped]
        return write_batch(connection, self._tables, self._stream, incoming, at=datetime.now(UTC))

    def _write_one_by_one(self, connection: Connection, batch: Batch) -> Written:
        changed: dict[str, tuple[UUID, ...]] = {}
        accepted, records = [], 0
        for mapped in batch.mapped:
            try:
                with connection.begin_nested():
                    written = self._write(connection, [mapped])
            except DataError as error:
                reason = f"the database refuses it ({type(error.orig).__name__})"
                batch.rejected.append((orjson.loads(mapped.incoming.data), reason))
                continue
            accepted.append(mapped)
            records += written.records
            for entity, ids in written.changed.items():
                changed[entity] = changed.get(entity, ()) + ids
        batch.mapped = accepted
        return Written(changed=changed, records=records)

    def _set_aside(self, connection: Connection, batch: Batch) -> None:
        for record, why in batch.rejected:
            reject(connection, self._stream, self._run_id, record, why)
        if batch.state is not None:
            save_state(connection, self._stream, state=batch.state, synced_at=None)

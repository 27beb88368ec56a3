"""The sync of one source: read, map, write, and remember how far it came.

Kill it anywhere and run it again: a STATE is committed together with the rows that precede it, and
writing a record twice changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from index.database import Database
from index.entity_tables import EntityTables
from index.tables import stream_state
from index.writer import (
    Stream,
    Unstorable,
    Written,
    load_state,
    row_id,
    save_state,
    update_statistics,
)
from ingestion.airbyte.in_process import Record, State
from ingestion.customers import account_entities, update_customers
from ingestion.mapping.format import StreamMapping
from ingestion.mapping.mapper import Unmappable
from ingestion.source import Source, SourceError
from ingestion.sync.batch import Batch, BatchWriter
from ingestion.sync.report import Progress, StreamReport, SyncReport
from ingestion.sync.runs import begin_run, finish_run, only_one
from semantic_layer.model import Model

BATCH = 500
MANY = 50  # so many changed records change what Postgres must know to plan well


def sync_source(
    database: Database,
    tables: EntityTables,
    model: Model,
    source: Source,
    *,
    tenant: str,
    progress: Callable[[Progress], None] | None = None,
    batch: int = BATCH,
) -> SyncReport:
    """Bring the index up to date with a source, stream by stream, parents first.

    At most `batch` records are written in one transaction. A record that cannot be mapped is set
    aside, and a stream that breaks off does not stop the others; the report says so. Raises
    SyncInProgress when the source is being synced already, and Unavailable when the database does
    not answer.
    """
    with only_one(database, tenant, source.name):
        started_at = datetime.now(UTC)
        with database.writing() as connection:
            run_id, cut_off = begin_run(connection, tenant, source.name, source.connector)
        reports = []
        for name in source.streams:
            stream = _StreamSync(database, tables, model, source, name, tenant, batch)
            reports.append(stream.run(run_id, progress, cut_off=cut_off))
        report = SyncReport(
            source=source.name,
            run_id=run_id,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            streams=tuple(reports),
        )
        with database.writing() as connection:
            finish_run(connection, tenant, report)
        return report


class _StreamSync:
    """One stream of one sync."""

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        model: Model,
        source: Source,
        name: str,
        tenant: str,
        batch_size: int,
    ) -> None:
        self._database = database
        self._tables = tables
        self._model = model
        self._source = source
        self._mapping: StreamMapping = source.streams[name]
        self._stream: Stream = source.stream(name, tenant)
        self._mapper = source.mapper(name, tenant)
        self._batch_size = batch_size
        self._batch = Batch()
        self._report = StreamReport(stream=name)
        self._account_entities = account_entities(model, self._stream)
        self._accounts: set[UUID] = set()
        self._keys: set[str] = set()
        self._refused = False

    def run(
        self, run_id: UUID, progress: Callable[[Progress], None] | None, *, cut_off: bool
    ) -> StreamReport:
        report = self._report
        started, began = time.monotonic(), datetime.now(UTC)
        state = self._state(began)
        with BatchWriter(self._database, self._tables, self._stream, run_id) as writer:
            try:
                with closing(self._source.read(self._stream.name, state, warn=self._warn)) as items:
                    for item in items:
                        if isinstance(item, State):
                            # A first read that has brought nothing is not remembered as done.
                            self._batch.state = item.value if report.read or state else None
                        else:
                            self._take(item, began)
                        if len(self._batch) >= self._batch_size or self._batch.state is not None:
                            self._note(writer.write(self._batch), progress)
                            self._batch = Batch()
            except SourceError as error:
                report.error = error.reason
            if self._batch:
                self._note(writer.write(self._batch), progress)
            self._note(writer.finish(), progress)
        report.suspicion = self._suspicion(first=state is None)
        self._finish(began, cut_off=cut_off)
        report.seconds = round(time.monotonic() - started, 3)
        return report

    def _state(self, now: datetime) -> Any | None:
        """Where to go on; None, to read all, also when the source has forgotten what came since."""
        with self._database.writing() as connection:
            state = load_state(connection, self._stream)
            if state is None or self._mapping.history_days is None:
                return state
            synced_at = connection.execute(
                select(stream_state.c.synced_at).where(
                    stream_state.c.tenant_id == self._stream.tenant,
                    stream_state.c.source == self._stream.source,
                    stream_state.c.stream == self._stream.name,
                )
            ).scalar_one()
        told_since = now - timedelta(days=self._mapping.history_days)
        return state if synced_at is not None and synced_at >= told_since else None

    def _take(self, record: Record, now: datetime) -> None:
        self._report.read += 1
        try:
            if self._mapping.newest_first:
                key = self._mapper.key(record)
                if key in self._keys:
                    self._report.unchanged += 1
                    return
                self._keys.add(key)
            self._batch.mapped.append(self._mapper.map(record, at=now))
        except (Unmappable, Unstorable) as error:
            self._batch.rejected.append((record, str(error)))

    def _note(
        self,
        committed: tuple[Batch, Written] | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        """Count what was committed, and tell."""
        if committed is None:
            return
        batch, written = committed
        report = self._report
        changed = {row for rows in written.changed.values() for row in rows}
        report.written += written.records
        report.rejected += len(batch.rejected)
        report.unchanged += len(batch.mapped) - written.records
        report.deleted += sum(
            mapped.deleted and row_id(self._stream, mapped.incoming.key) in changed
            for mapped in batch.mapped
        )
        for entity in self._account_entities:
            self._accounts.update(written.changed.get(entity, ()))
        if progress is not None:
            progress(Progress(self._source.name, report.stream, report.read, report.written))

    def _finish(self, began: datetime, *, cut_off: bool) -> None:
        """Who is the same customer now, and that the stream is fresh if it was read to its end."""
        with self._database.writing() as connection:
            if self._account_entities and (self._accounts or cut_off):
                # What a killed sync wrote is not known to have been resolved.
                accounts = None if cut_off else self._accounts
                update_customers(
                    connection, self._tables, self._model, self._stream.tenant, accounts
                )
            if self._report.complete:
                save_state(connection, self._stream, state=None, synced_at=began)
        if self._report.written >= MANY:
            resolved = [
                entity.name for entity in self._model.entities.values() if entity.resolved_from
            ]
            with self._database.writing() as connection:
                update_statistics(connection, self._tables, (*self._stream.entities, *resolved))

    def _suspicion(self, *, first: bool) -> str | None:
        if self._refused:
            return "the source refused a part of it, and the connector passed over that"
        if first and self._report.read == 0 and self._report.error is None:
            return "a first read brought nothing; check what the credentials may read"
        return None

    def _warn(self, text: str, refused: bool) -> None:
        self._report.warnings.append(text)
        self._refused = self._refused or refused

"""Rows made again from the records that are held, after the model or a mapping has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, select, update

from index.database import Database
from index.entity_tables import EntityTables
from index.removal import NO_CONTENT
from index.tables import record as record_table
from index.writer import Incoming, Stream, Unstorable, of_stream, write_rows_again
from ingestion.customers import account_entities, update_customers
from ingestion.mapping.mapper import Unmappable
from ingestion.source import Source
from ingestion.sync.job import chosen_streams
from ingestion.sync.report import Progress
from ingestion.sync.runs import only_one
from semantic_layer.model import Model

BATCH = 500


@dataclass
class Reprojected:
    """What became of the rows of one stream."""

    stream: str
    records: int = 0
    rewritten: int = 0  # rows that differed, were missing, or are not made any more
    unmappable: int = 0  # records whose rows stay as they were
    reasons: list[str] = field(default_factory=list)  # why, each once


def reproject(
    database: Database,
    tables: EntityTables,
    model: Model,
    source: Source,
    *,
    tenant: str,
    streams: Collection[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    batch: int = BATCH,
) -> list[Reprojected]:
    """Make the rows of the streams anew; the source is not asked, and only what differs is written.

    Stopped anywhere, it can be run again: what is as it should be is not touched. Live reads may go
    on, for each batch holds its records while it makes their rows. Raises SyncInProgress when one
    of the streams is being synced, ConfigurationError when the source has no such stream, and
    Unavailable when the database does not answer.
    """
    done = []
    for name in chosen_streams(source, streams):
        # A sync that has begun with the old mapping would go on to write its rows.
        with only_one(database, tenant, source.name, [name]):
            made = _StreamReprojection(database, tables, model, source, name, tenant, batch)
            done.append(made.run(progress))
    return done


class _StreamReprojection:
    """The rows of one stream."""

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        model: Model,
        source: Source,
        name: str,
        tenant: str,
        batch: int,
    ) -> None:
        self._database = database
        self._tables = tables
        self._model = model
        self._stream: Stream = source.stream(name, tenant)
        self._mapper = source.mapper(name, tenant)
        # A hash of the content as key is not judged: an erasure blots out content and not the key.
        self._has_key = source.streams[name].key is not None
        self._batch = batch
        self._report = Reprojected(name)

    def run(self, progress: Callable[[Progress], None] | None) -> Reprojected:
        report, after = self._report, ""
        account = bool(account_entities(self._model, self._stream))
        while True:
            with self._database.writing() as connection:
                page = self._page(connection, after)
                if not page:
                    break
                after = page[-1].key
                changed = self._rewrite(connection, page)
                if changed and account:
                    self._update_customers(connection, changed)
            report.records += len(page)
            report.rewritten += len(changed)
            if progress is not None:
                told = (report.stream, report.records, report.rewritten)
                progress(Progress(self._stream.source, *told))
        with self._database.writing() as connection:
            removed = self._remove_unmapped(connection)
            if removed:
                report.rewritten += len(removed)
                self._update_customers(connection, removed)
        return report

    def _page(self, connection: Connection, after: str) -> Sequence[Row[Any]]:
        """The next records, locked in the order in which all writers lock them."""
        return connection.execute(
            select(record_table)
            .where(*of_stream(record_table, self._stream), record_table.c.key > after)
            .order_by(record_table.c.key)
            .limit(self._batch)
            .with_for_update()
        ).all()

    def _rewrite(self, connection: Connection, page: Sequence[Row[Any]]) -> list[UUID]:
        projected: list[tuple[Incoming, datetime]] = []
        for row in page:
            try:
                item = self._project(row)
            except (Unmappable, Unstorable) as error:
                self._report.unmappable += 1
                if str(error) not in self._report.reasons:
                    self._report.reasons.append(str(error))
                continue
            projected.append((item, row.synced_at))
            if item.deleted_at != row.deleted_at:
                connection.execute(
                    update(record_table)
                    .where(*of_stream(record_table, self._stream), record_table.c.key == row.key)
                    .values(deleted_at=item.deleted_at)
                )
        return write_rows_again(connection, self._tables, self._stream, projected)

    def _project(self, row: Row[Any]) -> Incoming:
        if self._has_key and self._mapper.key(row.data) != row.key:
            # A row under the old key would stand beside the one that the next sync makes.
            raise Unmappable(
                f"its key is another now: remit source remove {self._stream.source} --with-data,"
                " then sync anew"
            )
        held = Incoming(
            key=row.key,
            data=b"",
            content_hash=bytes(row.content_hash),
            updated_at=row.updated_at,
        )
        item = self._mapper.project(held, row.data, at=row.deleted_at or row.synced_at)
        if held.content_hash == NO_CONTENT:
            # The source had it no more, whatever its last content says.
            item = item._replace(deleted_at=row.deleted_at)
        return item

    def _remove_unmapped(self, connection: Connection) -> list[UUID]:
        """Rows of entities that the stream's records became once, and become no more."""
        resolved = {entity.name for entity in self._model.entities.values() if entity.resolved_from}
        removed: list[UUID] = []
        for entity in self._tables.keys() - set(self._stream.entities) - resolved:
            table = self._tables[entity]
            gone = delete(table).where(*of_stream(table, self._stream)).returning(table.c.id)
            removed += connection.execute(gone).scalars()
        return removed

    def _update_customers(self, connection: Connection, rows: Sequence[UUID]) -> None:
        update_customers(connection, self._tables, self._model, self._stream.tenant, set(rows))

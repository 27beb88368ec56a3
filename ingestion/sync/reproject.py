"""Rows made again from the records that are held, after the model or a mapping has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, select, update

from index.database import Database
from index.entity_tables import EntityTables
from index.incoming import Incoming, Unstorable
from index.removal import NO_CONTENT
from index.stream import of_stream
from index.tables import record as record_table
from index.writer import write_rows_again
from ingestion.mapping.mapper import Unmappable
from ingestion.source import Source
from ingestion.sync.indexed_stream import IndexedStream
from ingestion.sync.job import chosen_streams
from ingestion.sync.page import last_of_page
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
            made = _StreamReprojection(
                IndexedStream(database, tables, model, source, name, tenant), batch
            )
            done.append(made.run(progress))
    return done


class _StreamReprojection:
    """The rows of one stream."""

    def __init__(self, stream: IndexedStream, batch: int) -> None:
        self._of = stream
        self._stream = stream.key
        # A hash of the content as key is not judged: an erasure blots out content and not the key.
        self._has_key = stream.mapping.key is not None
        self._batch = batch
        self._report = Reprojected(stream.name)

    def run(self, progress: Callable[[Progress], None] | None) -> Reprojected:
        report, after = self._report, ""
        account = bool(self._of.account_entities)
        while True:
            with self._of.database.writing() as connection:
                page = self._page(connection, after)
                if not page:
                    break
                after = page[-1].key
                changed = self._rewrite(connection, page)
                if changed and account:
                    self._of.update_customers(connection, set(changed))
            report.records += len(page)
            report.rewritten += len(changed)
            if progress is not None:
                told = (report.stream, report.records, report.rewritten)
                progress(Progress(self._stream.source, *told))
        with self._of.database.writing() as connection:
            removed = self._remove_unmapped(connection)
            if removed:
                report.rewritten += len(removed)
                self._of.update_customers(connection, set(removed))
        return report

    def _page(self, connection: Connection, after: str) -> Sequence[Row[Any]]:
        """The next records, locked in the order in which all writers lock them."""
        key = record_table.c.key
        # As it is stored, so compressed: what it is as JSON cannot be told without unpacking it.
        size = func.pg_column_size(record_table.c.data)
        last = last_of_page(
            connection, record_table, self._stream, "key", size, after=after, rows=self._batch
        )
        if last is None:
            return []
        return connection.execute(
            select(record_table)
            .where(*of_stream(record_table, self._stream), key > after, key <= last)
            .order_by(key)
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
        return write_rows_again(connection, self._of.tables, self._stream, projected)

    def _project(self, row: Row[Any]) -> Incoming:
        if self._has_key and self._of.mapper.key(row.data) != row.key:
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
        item = self._of.mapper.project(held, row.data, at=row.deleted_at or row.synced_at)
        if held.content_hash == NO_CONTENT:
            # The source had it no more, whatever its last content says.
            item = item._replace(deleted_at=row.deleted_at)
        return item

    def _remove_unmapped(self, connection: Connection) -> list[UUID]:
        """Rows of entities that the stream's records became once, and become no more."""
        resolved = {
            entity.name for entity in self._of.model.entities.values() if entity.resolved_from
        }
        removed: list[UUID] = []
        for entity in self._of.tables.keys() - set(self._stream.entities) - resolved:
            table = self._of.tables[entity]
            gone = delete(table).where(*of_stream(table, self._stream)).returning(table.c.id)
            removed += connection.execute(gone).scalars()
        return removed

"""Records that were set aside, shown, and mapped again once the mapping was mended."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select

from index.database import Database, clock
from index.entity_tables import EntityTables
from index.rejected import Rejection, forget, reject, rejected_id
from index.stream import of_stream
from index.tables import rejected_record, sync_run
from ingestion.source import Source
from ingestion.sync.indexed_stream import IndexedStream
from ingestion.sync.intake import Identified, Taken
from ingestion.sync.job import chosen_streams
from ingestion.sync.page import last_of_page
from semantic_layer.model import Model

_PAGE = 200


@dataclass(frozen=True)
class RejectedRecord:
    """A record that was set aside."""

    source: str
    stream: str
    reason: str
    raw: str  # JSON, as the source sent it
    rejected_at: datetime


@dataclass(frozen=True)
class Replayed:
    """How many records of a stream are in the index now, and how many are still set aside."""

    stream: str
    accepted: int
    rejected: int


def rejected(
    database: Database,
    *,
    tenant: str,
    source: str | None = None,
    streams: Collection[str] | None = None,
    limit: int = 100,
) -> list[RejectedRecord]:
    """The records that are set aside, the newest first, at most so many."""
    table = rejected_record
    query = select(table).where(table.c.tenant_id == tenant)
    if source is not None:
        query = query.where(table.c.source == source)
    if streams is not None:
        query = query.where(table.c.stream.in_(streams))
    query = query.order_by(table.c.rejected_at.desc(), table.c.rejected_id).limit(limit)
    with database.writing() as connection:
        return [
            RejectedRecord(row.source, row.stream, row.reason, row.raw, row.rejected_at)
            for row in connection.execute(query)
        ]


def replay(
    database: Database,
    tables: EntityTables,
    model: Model,
    source: Source,
    *,
    tenant: str,
    streams: Collection[str] | None = None,
) -> list[Replayed]:
    """Map what was set aside again, and write what can be mapped now; the source is not asked.

    A version older than the one held is dropped, and so is a tombstone of what was seen since it
    was read. Raises ConfigurationError when the source has no such stream, and Unavailable when the
    database does not answer.
    """
    return [
        _StreamReplay(IndexedStream(database, tables, model, source, name, tenant)).run()
        for name in chosen_streams(source, streams)
    ]


class _Times(NamedTuple):
    """When records were read, and when reading them began; None for now."""

    at: datetime | None = None
    began: datetime | None = None


class _StreamReplay:
    """What was set aside of one stream."""

    def __init__(self, stream: IndexedStream) -> None:
        self._of = stream
        self._stream = stream.key

    def run(self) -> Replayed:
        accepted = still = 0
        last = UUID(int=0)
        while page := self._page(last):
            last = page[-1].rejected_id
            rejections = self._replay(page)
            accepted += len(page) - rejections
            still += rejections
        return Replayed(self._stream.name, accepted, still)

    def _page(self, after: UUID) -> Sequence[Any]:
        table = rejected_record
        with self._of.database.writing() as connection:
            size = func.octet_length(table.c.raw)
            last = last_of_page(
                connection, table, self._stream, "rejected_id", size, after=after, rows=_PAGE
            )
            if last is None:
                return []
            read_by = (sync_run.c.tenant_id == table.c.tenant_id) & (
                sync_run.c.run_id == table.c.run_id
            )
            began = func.coalesce(sync_run.c.started_at, table.c.rejected_at)
            query = (
                select(table.c.rejected_id, table.c.raw, table.c.rejected_at, began.label("began"))
                .outerjoin(sync_run, read_by)
                .where(*of_stream(table, self._stream))
                .where(table.c.rejected_id > after, table.c.rejected_id <= last)
                .order_by(table.c.rejected_id)
            )
            return connection.execute(query).all()

    def _replay(self, page: Sequence[Any]) -> int:
        """Take the records of a page again; returns how many are still set aside."""
        good: dict[_Times, list[Identified]] = {}
        bad: list[Rejection] = []
        replayed: list[UUID] = []
        for row in page:
            record = _record(row.raw)
            if record is None:
                continue
            replayed.append(row.rejected_id)
            one = self._of.intake.identify(record)
            if isinstance(one, Rejection):
                bad.append(one)
            else:
                good.setdefault(self._times(row), []).append(one)
        with self._of.database.writing() as connection:
            now = clock(connection)
            taken = [
                self._of.intake.take(connection, records, times.at or now, began=times.began)
                for times, records in good.items()
            ]
            bad += [rejection for each in taken for rejection in each.rejected]
            still = {rejected_id(self._stream, rejection) for rejection in bad}
            forget(
                connection, self._stream.tenant, [each for each in replayed if each not in still]
            )
            reject(connection, self._stream, None, bad)
            self._update_customers(connection, taken)
        return len(bad) + len(page) - len(replayed)

    def _times(self, row: Any) -> _Times:
        """Those of a tombstone, which stays set aside when what it is of has been seen again. Any
        other record would not be set aside any more if it had been found gone since."""
        return _Times() if self._of.mapping.deletes is None else _Times(row.rejected_at, row.began)

    def _update_customers(self, connection: Connection, taken: Sequence[Taken]) -> None:
        accounts = {
            row
            for each in taken
            for entity in self._of.account_entities
            for row in each.changed.get(entity, ())
        }
        if accounts:
            self._of.update_customers(connection, accounts)


def _record(raw: str) -> dict[str, Any] | None:
    """The record, None when it was nothing that JSON can hold."""
    try:
        # Not orjson, which takes no integer of more than 64 bits.
        record = json.loads(raw)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None

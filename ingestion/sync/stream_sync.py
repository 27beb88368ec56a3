"""One stream of one sync: read from where it stands, written in batches, judged at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from index.database import Database
from index.entity_tables import EntityTables
from index.statistics import update_statistics
from index.stream_state import Position, begin_stream, end_stream
from index.tables import record as record_table
from index.tables import sync_run
from index.writer import Stream, of_stream
from ingestion.airbyte.in_process import State
from ingestion.customers import account_entities, update_customers
from ingestion.mapping.conversion import to_timestamp
from ingestion.mapping.format import StreamMapping
from ingestion.source import Source, SourceError
from ingestion.sync.batch import BATCH_BYTES, Batch, BatchWriter, Committed
from ingestion.sync.intake import Intake
from ingestion.sync.reconcile import remove_missing
from ingestion.sync.report import Progress, StreamReport
from ingestion.sync.seen import SeenKeys, seen_keys
from semantic_layer.model import Model

MANY = 50  # so many changed records change what Postgres must know to plan well


class StreamSync:
    """Made for one run; `run` once."""

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        model: Model,
        source: Source,
        name: str,
        *,
        tenant: str,
        run_id: UUID,
        batch: int,
    ) -> None:
        self._database = database
        self._tables = tables
        self._model = model
        self._source = source
        self._mapping: StreamMapping = source.streams[name]
        self._stream: Stream = source.stream(name, tenant)
        self._intake = Intake(tables, self._stream, source.mapper(name, tenant))
        self._run_id = run_id
        self._batch_size = batch
        self._report = StreamReport(stream=name)
        self._account_entities = account_entities(model, self._stream)
        self._accounts: set[UUID] = set()
        # Else nobody has said that a read without STATE brings all that there is.
        self._is_known = name in source.mapped and not source.origin.is_process
        self._sent_state = False
        self._reached: Any | None = None  # the last STATE that is kept
        self._keyless = 0  # records that came without a key
        self._refused = False

    def run(
        self,
        progress: Callable[[Progress], None] | None,
        *,
        reconcile: bool = False,
        allow_deletes: bool = False,
    ) -> StreamReport:
        """Read the stream to its end, or until it breaks off."""
        report = self._report
        started, began = time.monotonic(), datetime.now(UTC)
        with self._database.writing() as connection:
            position = begin_stream(connection, self._stream, self._run_id)
            asked = reconcile or self._is_forgotten(position, began)
            state = None if asked else position.state
            whole = state is None
            held = self._count_held(connection, position) if whole else 0
        newest_first = self._mapping.newest_first
        judged = whole and (asked or self._is_known)
        collects = newest_first or (judged and held > 0)
        with (
            seen_keys(self._database) if collects else nullcontext() as seen,
            BatchWriter(
                self._database,
                self._stream,
                self._intake,
                self._run_id,
                seen=seen,
                newest_first=newest_first,
            ) as writer,
        ):
            self._read(writer, state, progress)
            # A stream without STATE is whole each time; of others, a whole read is no news of
            # deletions unless it was made to be.
            listed = judged and (asked or not self._sent_state)
            report.suspicion = self._suspicion(whole=whole, emptied=listed and allow_deletes)
            if listed and seen is not None and report.complete:
                look_again = partial(self._look_again, writer, progress)
                self._remove_missing(seen, began, look_again, held=held, allow=allow_deletes)
        self._finish(began, cut_off=position.cut_off)
        report.seconds = round(time.monotonic() - started, 3)
        return report

    def _look_again(self, writer: BatchWriter, progress: Callable[[Progress], None] | None) -> None:
        """Read what came too late for the read, or slid onto a page that it had behind it.

        An edit moves a record out of the span of time that a read asks for, and a deletion moves
        all that follows it in a list that is read by page numbers.
        """
        self._read(writer, self._reached, progress, again=True)
        self._report.suspicion = self._suspicion(whole=False, emptied=False)

    def _read(
        self,
        writer: BatchWriter,
        state: Any | None,
        progress: Callable[[Progress], None] | None,
        *,
        again: bool = False,
    ) -> None:
        report, batch = self._report, Batch()
        identify, warn = self._intake.identify, self._warn
        try:
            with closing(self._source.read(self._stream.name, state, warn=warn)) as items:
                for item in items:
                    if isinstance(item, State):
                        self._sent_state = True
                        # A first read that has brought nothing is not remembered as done. Nor is
                        # a second look: where the newest comes first, it passes over news of what
                        # the first look has brought.
                        if not again and (report.read or state):
                            batch.state = self._reached = item.value
                    else:
                        report.read += not again
                        batch.add(identify(item))
                    if (
                        len(batch) >= self._batch_size
                        or batch.size >= BATCH_BYTES
                        or batch.state is not None
                    ):
                        self._note(writer.write(batch), progress, again=again)
                        batch = Batch()
        except SourceError as error:
            report.error = error.reason
        if batch:
            self._note(writer.write(batch), progress, again=again)
        self._note(writer.finish(), progress, again=again)

    def _note(
        self,
        committed: Committed | None,
        progress: Callable[[Progress], None] | None,
        *,
        again: bool,
    ) -> None:
        """Count what was committed, of a second look only what the first has not, and tell."""
        if committed is None:
            return
        report, taken = self._report, committed.taken
        report.written += taken.written
        report.deleted += taken.deleted
        if again:
            report.read += taken.written
        else:
            report.rejected += len(taken.rejected)
            report.unchanged += committed.records - taken.written - len(taken.rejected)
        report.new_fields += sorted(committed.new_fields)
        self._keyless += sum(one.key is None for one in taken.rejected)
        for entity in self._account_entities:
            self._accounts.update(taken.changed.get(entity, ()))
        if progress is not None:
            progress(
                Progress(
                    self._source.name,
                    report.stream,
                    report.read,
                    report.written,
                    report.unchanged,
                    report.rejected,
                )
            )

    def _remove_missing(
        self,
        seen: SeenKeys,
        began: datetime,
        look_again: Callable[[], None],
        *,
        held: int,
        allow: bool,
    ) -> None:
        report = self._report
        try:
            since = to_timestamp(self._source.settings.get("start_date"))
        except ValueError as error:
            report.warnings.append(
                f"its start_date cannot be understood ({error}), so it cannot be told which of"
                " those held are gone"
            )
            return
        if not self._keyless and seen.count_missing(self._stream, began, since):
            look_again()
        if not report.complete:
            return
        if self._refused:
            report.warnings.append(
                "the source may have refused a part of it, so it cannot be told which of those held"
                " are gone"
            )
            return
        if self._keyless:
            report.warnings.append(
                f"{self._keyless:,} records came without a key, so it cannot be told which of those"
                " held are gone"
            )
            return
        removed = remove_missing(
            self._database,
            self._tables,
            self._stream,
            seen,
            run_id=self._run_id,
            held=held,
            began=began,
            since=since,
            allow=allow,
        )
        report.suspicion = removed.refusal
        report.deleted += len(removed.rows)
        if self._account_entities:
            self._accounts.update(removed.rows)

    def _finish(self, began: datetime, *, cut_off: bool) -> None:
        """Who is the same customer now, and that the stream is fresh if it was read to its end."""
        report = self._report
        with self._database.writing() as connection:
            if self._account_entities and (self._accounts or cut_off):
                # What a killed sync wrote is not known to have been resolved.
                accounts = None if cut_off else self._accounts
                update_customers(
                    connection, self._tables, self._model, self._stream.tenant, accounts
                )
            end_stream(
                connection,
                self._stream,
                self._run_id,
                at=datetime.now(UTC),
                synced_at=began if report.complete else None,
                problem=report.problem,
            )
        if report.written >= MANY:
            resolved = [
                entity.name for entity in self._model.entities.values() if entity.resolved_from
            ]
            with self._database.writing() as connection:
                update_statistics(connection, self._tables, (*self._stream.entities, *resolved))

    def _is_forgotten(self, position: Position, now: datetime) -> bool:
        """Whether the source no longer tells what has changed since the stream was last read."""
        if position.state is None or self._mapping.history_days is None:
            return False
        told_since = now - timedelta(days=self._mapping.history_days)
        return position.synced_at is None or position.synced_at < told_since

    def _count_held(self, connection: Connection, position: Position) -> int:
        """How many records are held, but for what came since the stream was last read to its end.

        What a sync brought that was not believed, perhaps from another account, counts for nothing.
        """
        alive = (*of_stream(record_table, self._stream), record_table.c.deleted_at.is_(None))
        count = select(func.count()).where(*alive)
        if position.synced_at is not None:
            run = sync_run.c
            believed_until = (
                select(run.finished_at)
                .where(run.tenant_id == self._stream.tenant, run.source == self._stream.source)
                .where(run.started_at <= position.synced_at)
                .order_by(run.started_at.desc())
                .limit(1)
                .scalar_subquery()
            )
            # A run that was killed later on has no end, and then all counts.
            count = count.where(func.coalesce(record_table.c.synced_at <= believed_until, True))
        return connection.execute(count).scalar_one()

    def _suspicion(self, *, whole: bool, emptied: bool) -> str | None:
        """Why the end of the stream may not be its end; `emptied` if it may well be empty."""
        # Of what a process logs, it is only a guess that it means a part of this stream.
        if self._refused and not (self._source.origin.is_process and self._report.read):
            return "the source refused a part of it, and the connector passed over that"
        if whole and not emptied and self._report.read == 0 and self._report.error is None:
            return "a read of all of it brought nothing; check what the credentials may read"
        return None

    def _warn(self, text: str, refused: bool) -> None:
        if text not in self._report.warnings:  # as it is when both looks have come upon it
            self._report.warnings.append(text)
        self._refused = self._refused or refused

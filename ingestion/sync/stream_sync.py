"""One stream of one sync: read from where it stands, written in batches, judged at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, literal, or_, select

from index.statistics import update_statistics
from index.stream import of_stream
from index.stream_state import Position, begin_stream, end_stream
from index.tables import record as record_table
from index.tables import sync_run
from ingestion.airbyte.connector import Record
from ingestion.airbyte.state import State
from ingestion.mapping.conversion import to_timestamp
from ingestion.source import SourceError
from ingestion.sync.batch import Batch, BatchWriter, Committed
from ingestion.sync.indexed_stream import IndexedStream
from ingestion.sync.reconcile import not_compared, remove_missing
from ingestion.sync.report import Progress, StreamReport
from ingestion.sync.seen import SeenKeys

MANY = 50  # so many changed records change what Postgres must know to plan well


class SyncStopped(BaseException):
    """Somebody asked the sync to stop: what was committed stays, and the next one goes on from it.

    Not an Exception, so that nobody on the way up takes it for the failure of a stream.
    """


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the streams of one run have in common."""

    run_id: UUID
    thread: Executor  # of one thread, which writes
    batch: int  # records in a transaction at most
    reconcile: bool = False
    allow_deletes: bool = False
    progress: Callable[[Progress], None] | None = None
    stop: Event | None = None

    @property
    def is_stopping(self) -> bool:
        return self.stop is not None and self.stop.is_set()


class _Held(NamedTuple):
    """How many records are held; what came since the stream was last read to its end, perhaps from
    another account, is not `believed`."""

    believed: int = 0
    all: int = 0


class StreamSync:
    """`begin` it, let it `take` all that is read, and `end` it.

    `seen` is where the keys go that came; of `batch_bytes` a batch is full, however few records.
    """

    def __init__(
        self,
        stream: IndexedStream,
        run: Run,
        seen: SeenKeys,
        *,
        batch_bytes: int,
    ) -> None:
        self._of = stream
        self._run = run
        self._seen = seen
        self._batch_bytes = batch_bytes
        self._stream = stream.key
        self._report = StreamReport(stream=stream.name)
        self._accounts: set[UUID] = set()
        # Else nobody has said that a read without STATE brings all that there is.
        self._is_known = stream.name in stream.source.mapped and not stream.source.origin.is_process
        self._sent_state = False
        self._reached: Any | None = None  # the last STATE that is kept
        self._again = False  # whether it is read a second time
        self._keyless = 0  # records that came without a key
        self._refused = False
        self._batch = Batch()

    @property
    def name(self) -> str:
        return self._report.stream

    def begin(self) -> Any | None:
        """Note that the run reads the stream now; returns the STATE from which to go on."""
        run, mapping = self._run, self._of.mapping
        self._started = time.monotonic()
        with self._of.database.writing() as connection:
            self._position = begin_stream(connection, self._stream, run.run_id)
            self._asked = run.reconcile or self._is_forgotten(self._position)
            self._state = None if self._asked else self._position.state
            self._whole = self._state is None
            held = self._count_held(connection, self._position) if self._whole else _Held()
        self._judged = self._whole and (self._asked or self._is_known)
        self._collects = mapping.newest_first or (self._judged and held.all > 0)
        self._believed = held.believed
        self._map_at = self._position.began if self._whole and not held.all else None
        self._writer = BatchWriter(
            self._of.database,
            self._stream,
            self._of.intake,
            run.run_id,
            began=self._position.began,
            thread=run.thread,
            seen=self._seen if self._collects else None,
            newest_first=mapping.newest_first,
        )
        return self._state

    def take(self, item: Record | State) -> None:
        """Take a record, or the STATE that covers those before it. Raises SyncStopped."""
        if self._run.is_stopping:
            raise SyncStopped
        batch = self._batch
        if isinstance(item, State):
            self._sent_state = True
            # A first read that has brought nothing is not remembered as done. Nor is a second
            # look: where the newest comes first, it passes over news of what the first look has
            # brought.
            if not self._again and (self._report.read or self._state):
                batch.state = self._reached = item.value
        else:
            self._report.read += not self._again
            batch.add(self._of.intake.identify(item, map_at=self._map_at))
        if (
            len(batch) >= self._run.batch
            or batch.size >= self._batch_bytes
            or batch.state is not None
        ):
            self.flush()

    def flush(self) -> None:
        """Begin to write what was taken so far."""
        if self._batch or self._batch.state is not None:
            batch, self._batch = self._batch, Batch()
            self._note(self._writer.write(batch))

    def warn(self, text: str, refused: bool) -> None:
        """Note what the connector passed over, and whether that was a refusal by the source."""
        if text not in self._report.warnings:  # as it is when both looks have come upon it
            self._report.warnings.append(text)
        self._refused = self._refused or refused

    def end(self, error: str | None) -> StreamReport:
        """All is read, or it broke off for this reason."""
        report = self._report
        report.error = error
        self._settle()
        # A stream without STATE is whole each time; of others, a whole read is no news of
        # deletions unless it was made to be.
        listed = self._judged and (self._asked or not self._sent_state)
        emptied = listed and self._run.allow_deletes
        report.suspicion = self._suspicion(whole=self._whole, emptied=emptied)
        if listed and report.complete:
            if self._collects:
                self._remove_missing()
            else:
                report.reconciled = True  # nothing was held
        if self._run.reconcile and report.problem is not None and report.reconcile_problem is None:
            report.reconcile_problem = not_compared(self._stream, report.problem)
        self._finish()
        report.seconds = round(time.monotonic() - self._started, 3)
        return report

    def read(self) -> str | None:
        """Read the stream by itself, from where it stands; returns why it broke off."""
        state = self._reached if self._again else self._state
        try:
            with closing(self._of.source.read(self.name, state, warn=self.warn)) as items:
                for item in items:
                    self.take(item)
        except SourceError as error:
            if self._run.is_stopping:
                raise SyncStopped from None  # it waited for its turn to send a request
            return error.reason
        return None

    def _settle(self) -> None:
        """Wait until all that was taken is written."""
        self.flush()
        self._note(self._writer.finish())

    def _look_again(self) -> None:
        """Read what came too late for the read, or slid onto a page that it had behind it.

        An edit moves a record out of the span of time that a read asks for, and a deletion moves
        all that follows it in a list that is read by page numbers.
        """
        self._again = True
        self._report.error = self.read()
        self._settle()
        self._report.suspicion = self._suspicion(whole=False, emptied=False)

    def _note(self, committed: Committed | None) -> None:
        """Count what was committed, of a second look only what the first has not, and tell."""
        if committed is None:
            return
        report, taken = self._report, committed.taken
        report.written += taken.written
        report.deleted += taken.deleted
        if self._again:
            report.read += taken.written
        else:
            report.rejected += len(taken.rejected)
            report.unchanged += committed.records - taken.written - len(taken.rejected)
        report.new_fields += sorted(committed.new_fields)
        self._keyless += sum(one.key is None for one in taken.rejected)
        for entity in self._of.account_entities:
            self._accounts.update(taken.changed.get(entity, ()))
        if self._run.progress is not None:
            self._run.progress(
                Progress(
                    self._stream.source,
                    report.stream,
                    report.read,
                    report.written,
                    report.unchanged,
                    report.rejected,
                )
            )

    def _remove_missing(self) -> None:
        report = self._report
        try:
            since = to_timestamp(self._of.source.settings.get("start_date"))
        except ValueError as error:
            self._cannot_tell(f"its start_date cannot be understood ({error})")
            return
        if not self._keyless and self._seen.count_missing(
            self._stream, self._position.began, since
        ):
            self._look_again()
        if not report.complete:
            return
        if self._refused:
            self._cannot_tell("the source may have refused a part of it")
            return
        if self._keyless:
            self._cannot_tell(f"{self._keyless:,} records came without a key")
            return
        removed = remove_missing(
            self._of.database,
            self._of.tables,
            self._stream,
            self._seen,
            run_id=self._run.run_id,
            held=self._believed,
            began=self._position.began,
            since=since,
            allow=self._run.allow_deletes,
        )
        report.suspicion = report.reconcile_problem = removed.refusal
        report.reconciled = removed.refusal is None
        report.deleted += len(removed.rows)
        if self._of.account_entities:
            self._accounts.update(removed.rows)

    def _cannot_tell(self, why: str) -> None:
        problem = f"{why}, so it cannot be told which of those held are gone"
        self._report.reconcile_problem = not_compared(self._stream, problem)
        self._report.warnings.append(problem)

    def _finish(self) -> None:
        """Who is the same customer now, and that the stream is fresh if it was read to its end."""
        report, cut_off = self._report, self._position.cut_off
        with self._of.database.writing() as connection:
            if self._of.account_entities and (self._accounts or cut_off):
                # What a killed sync wrote is not known to have been resolved.
                self._of.update_customers(connection, None if cut_off else self._accounts)
            began = self._position.began
            end_stream(
                connection,
                self._stream,
                self._run.run_id,
                synced_at=began if report.complete else None,
                problem=report.problem,
                reconciled_at=began if report.reconciled else None,
                reconcile_problem=report.reconcile_problem,
            )
        if report.written >= MANY:
            entities = self._of.model.entities.values()
            resolved = [entity.name for entity in entities if entity.resolved_from]
            with self._of.database.writing() as connection:
                update_statistics(connection, self._of.tables, (*self._stream.entities, *resolved))

    def _is_forgotten(self, position: Position) -> bool:
        """Whether the source no longer tells what has changed since the stream was last read."""
        if position.state is None or self._of.mapping.history_days is None:
            return False
        told_since = position.began - timedelta(days=self._of.mapping.history_days)
        return position.synced_at is None or position.synced_at < told_since

    def _count_held(self, connection: Connection, position: Position) -> _Held:
        """How many records are held, and of how many that is believed."""
        alive = (*of_stream(record_table, self._stream), record_table.c.deleted_at.is_(None))
        run = sync_run.c
        believed_until = (
            select(run.finished_at)
            .where(run.tenant_id == self._stream.tenant, run.source == self._stream.source)
            .where(run.started_at <= literal(position.synced_at, run.started_at.type))
            # A run that was killed later on has neither report nor end, and then all counts.
            .where(or_(run.report.is_(None), run.report.has_key(self.name)))
            .order_by(run.started_at.desc())
            .limit(1)
            .scalar_subquery()
        )
        believed = func.coalesce(record_table.c.synced_at <= believed_until, True)
        counts = select(func.count().filter(believed), func.count()).where(*alive)
        return _Held(*connection.execute(counts).one())

    def _suspicion(self, *, whole: bool, emptied: bool) -> str | None:
        """Why the end of the stream may not be its end; `emptied` if it may well be empty."""
        # Of what a process logs, it is only a guess that it means a part of this stream.
        if self._refused and not (self._of.source.origin.is_process and self._report.read):
            return "the source refused a part of it, and the connector passed over that"
        # Nothing that was deleted is no news.
        emptied = emptied or self._of.mapping.deletes is not None
        if whole and not emptied and self._report.read == 0 and self._report.error is None:
            return "a read of all of it brought nothing; check what the credentials may read"
        return None

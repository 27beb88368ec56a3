"""A worker: looks at the schedules and does the syncs that are due. There may be any number."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
from anyio import to_thread
from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job
from sqlalchemy.exc import OperationalError

from index.database import Database
from index.entity_tables import EntityTables
from index.errors import RemitError, Unavailable
from index.removal import purge
from ingestion.schedule.queue import TASK, connector, queue_name
from ingestion.schedule.queue_tables import check_queue
from ingestion.schedule.schedules import stands
from ingestion.schedule.streams import streams_to_reconcile, streams_to_sync
from ingestion.schedule.tick import tick
from ingestion.source import Source, SourceError
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.sync.runs import SyncInProgress
from ingestion.sync.stream_sync import SyncStopped
from semantic_layer.model import Model

log = logging.getLogger("remit.worker")

TICK = 2.0  # seconds between two looks at schedules and at other workers
HEARTBEAT = 2.0
# After so long without a heartbeat a worker is taken for dead. With the time until the next look
# and the next fetch this is below the 15 s in which its syncs have to be taken over.
SILENCE = 8.0
GRACE = 10.0  # seconds in which a sync may come to the end of its batch when the worker is stopped
RETENTION = timedelta(days=30)
_PURGE = 3600.0  # seconds between two looks at what has been deleted long enough
_AGAIN = 5  # seconds until a sync is tried again that others hindered
_PAUSE = 2.0  # seconds between two attempts to reach the database


class Worker:
    """Does the syncs of one tenant, some at once, each in a thread.

    One of them at most is a reconcile, which may take hours: the others are left to what is due.
    `find_source` is asked for the source when its sync begins, so that a changed configuration
    counts from the next sync on; it raises a RemitError for one that is not there.
    """

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        model: Model,
        find_source: Callable[[str], Source],
        *,
        tenant: str,
        concurrency: int = 2,
        retention: timedelta = RETENTION,
    ) -> None:
        """`retention` is how long what a source has deleted is kept before it goes for good."""
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._database = database
        self._tables = tables
        self._model = model
        self._find_source = find_source
        self._tenant = tenant
        self._concurrency = concurrency
        self._retention = retention
        self._purge_at = 0.0  # by the clock of `time.monotonic`
        self._stopping = threading.Event()
        self._stopped = asyncio.Event()
        self._under_way: set[tuple[str, str, bool]] = set()
        self._reconciling = threading.Lock()
        self._app = App(connector=connector(database.url))
        self._app.task(name=TASK, retry=_Again())(self._sync)

    @property
    def unfinished(self) -> frozenset[str]:
        """The sources whose syncs have not ended: after `run`, those that did not heed the stop."""
        return frozenset(source for source, _, _ in self._under_way)

    def stop(self) -> None:
        """Begin nothing more, and let what runs end with its batch. To be called in the loop."""
        self._stopping.set()
        self._stopped.set()

    async def run(self) -> None:
        """Work until stopped, whether or not the database answers all the time.

        A sync that is under way then ends with its batch, or is left alone after `GRACE` seconds;
        another worker, or this one when it is started again, goes on with it. Raises
        ConfigurationError when the tables for jobs are not there.
        """
        await to_thread.run_sync(self._check)
        reachable = True
        while not self._stopping.is_set():
            try:
                async with self._app.open_async():
                    reachable = True
                    await self._work()
            except* (ConnectorException, psycopg.Error, Unavailable):
                if reachable and not self._stopping.is_set():
                    log.warning("The database does not answer; trying again until it does.")
                reachable = False
            await self._wait(_PAUSE)

    def _check(self) -> None:
        with self._database.writing() as connection:
            check_queue(connection)

    async def _work(self) -> None:
        """Fetch jobs and look at schedules until stopped, or until the connection is lost."""
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._look())
            fetching = group.create_task(
                self._app.run_worker_async(
                    queues=[queue_name(self._tenant)],
                    name=self.name,
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=TICK,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=SILENCE,
                    shutdown_graceful_timeout=GRACE,
                    delete_jobs=DeleteJobCondition.ALWAYS,  # sync runs are what is kept
                    install_signal_handlers=False,
                )
            )
            stopped = group.create_task(self._stopped.wait())
            await asyncio.wait({looking, fetching, stopped}, return_when=asyncio.FIRST_COMPLETED)
            for task in (looking, fetching, stopped):
                task.cancel()

    async def _look(self) -> None:
        while True:
            await self._take_over()
            await to_thread.run_sync(self._tick)
            await asyncio.sleep(TICK)

    def _tick(self) -> None:
        with self._database.writing() as connection:
            tick(connection, self._tenant)
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + _PURGE
            with self._database.writing() as connection:
                purge(connection, self._tables, self._tenant, datetime.now(UTC) - self._retention)

    async def _take_over(self) -> None:
        """Put back into the queue what a worker had in hand that gives no sign of life."""
        jobs = self._app.job_manager
        stalled = await jobs.get_stalled_jobs(
            queue=queue_name(self._tenant), seconds_since_heartbeat=SILENCE
        )
        for job in stalled:
            try:
                await jobs.retry_job(job)
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                    raise  # else another worker was faster
            else:
                log.warning("%s: taken over from a worker that is gone.", job.task_kwargs["source"])

    async def _sync(self, source: str, stream: str, reconcile_due: str | None = None) -> None:
        due = datetime.fromisoformat(reconcile_due) if reconcile_due is not None else None
        await to_thread.run_sync(self._sync_in_thread, source, stream, due, abandon_on_cancel=True)

    def _sync_in_thread(self, name: str, stream: str, due: datetime | None) -> None:
        work = name, stream, due is not None
        if due is not None and not self._reconciling.acquire(blocking=False):
            raise _Later(_AGAIN)
        self._under_way.add(work)
        try:
            report = self._run(name, stream or None, due)
        except SyncStopped:
            raise _Later(0) from None
        except SyncInProgress:
            raise _Later(_AGAIN) from None
        except SourceError as error:
            log.warning("%s: not synced: %s", name, error)
        except (Unavailable, OperationalError):
            log.warning("%s: the database did not answer; the sync is tried again.", name)
            raise _Later(_AGAIN) from None
        except RemitError as error:
            log.warning("%s: not synced: %s", name, error)
        except Exception as error:
            # The text of an unexpected error may hold anything, so its place has to do.
            place = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            log.error("%s: not synced, for %s at\n%s", name, type(error).__name__, place)  # noqa: TRY400
        else:
            if report is not None:
                _tell(report)
                if due is not None and any(each.left is not None for each in report.streams):
                    raise _Later(_AGAIN)  # what the others read was not all
        finally:
            self._under_way.discard(work)
            if due is not None:
                self._reconciling.release()

    def _run(self, name: str, stream: str | None, due: datetime | None) -> SyncReport | None:
        reconcile = due is not None

        def stood() -> bool:
            with self._database.writing() as connection:
                return stands(connection, self._tenant, name, stream, reconcile=reconcile)

        if not stood():
            return None  # removed or paused while the job waited
        source = self._find_source(name)
        source.give_up_when(lambda: self._stopping.is_set() or not stood())
        try:
            known = tuple(source.streams)
        except SourceError:
            if self._stopping.is_set():
                raise SyncStopped from None  # which may be why
            if stood():
                raise
            return None
        if not stood():
            return None  # removed or paused while its connector was asked, which may take minutes
        with self._database.writing() as connection:
            if due is not None:
                streams = streams_to_reconcile(connection, self._tenant, source, stream, due=due)
            else:
                streams = streams_to_sync(connection, self._tenant, name, stream, known)
        if not streams and stream in (None, *known) and reconcile:
            return None  # the source tells its deletions, or it was done before the worker stopped
        if not streams:
            log.warning("%s: %s has nothing to sync; remove it.", name, _schedule_named(stream))
            return None
        return sync_source(
            self._database,
            self._tables,
            self._model,
            source,
            tenant=self._tenant,
            streams=streams,
            stop=self._stopping,
            cause="reconcile" if reconcile else "schedule",
            worker=self.name,
            reconcile=reconcile,
        )

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopped.wait(), seconds)
        except TimeoutError:
            return


class _Later(Exception):
    """The sync is not done, and it is not for the source that it was not."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class _Again(BaseRetryStrategy):
    """Only what was stopped or hindered goes back into the queue. A source that failed is tried
    again when it is due again."""

    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: Job,  # noqa: ARG002
    ) -> RetryDecision | None:
        if isinstance(exception, _Later):
            return RetryDecision(retry_in={"seconds": exception.seconds})
        if isinstance(exception, asyncio.CancelledError):  # did not heed the stop in time
            return RetryDecision(retry_in={"seconds": 0})
        return None


def _schedule_named(stream: str | None) -> str:
    return "its schedule" if stream is None else f"the schedule of its stream {stream!r}"


def _tell(report: SyncReport) -> None:
    counts = {
        name: sum(getattr(stream, name) for stream in report.streams)
        for name in ("read", "written", "rejected")
    }
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    seconds = (report.finished_at - report.started_at).total_seconds()
    log.info("%s: %s in %.1f s.", report.source, said, seconds)
    for stream in report.streams:
        if stream.problem is not None:
            log.warning("%s, %s: %s.", report.source, stream.stream, stream.problem)

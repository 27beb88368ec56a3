"""The sync of one source: which of its streams, in what order, and the run that is kept of it.

Kill it anywhere and run it again: a STATE is committed together with the rows that precede it, and
writing a record twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from uuid import UUID

from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from ingestion.source import Source
from ingestion.sync.batch import BATCH
from ingestion.sync.collector import few_collections
from ingestion.sync.free_streams import free_streams
from ingestion.sync.indexed_stream import IndexedStream
from ingestion.sync.report import Progress, StreamReport, SyncReport
from ingestion.sync.runs import begin_run, finish_run
from ingestion.sync.stream_sync import Run
from ingestion.sync.turns import read_streams
from semantic_layer.model import Model


def sync_source(
    database: Database,
    tables: EntityTables,
    model: Model,
    source: Source,
    *,
    tenant: str,
    streams: Collection[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
    cause: str = "command",
    worker: str | None = None,
    reconcile: bool = False,
    allow_deletes: bool = False,
    batch: int = BATCH,
) -> SyncReport:
    """Bring the index up to date with a source, parents first.

    At most `batch` records are written in one transaction. A record that cannot be mapped is set
    aside, a stream that breaks off does not stop the others, and one that another run has in hand
    is left to it; the report says so. With `reconcile`, all is read from the beginning, and what is
    held and did not come is marked as deleted; a share of it that looks like trouble at the source
    only with `allow_deletes`.

    Raises SyncInProgress when all of the streams are being synced already, SyncStopped soon after
    `stop` is set, ConfigurationError when the source has no such stream, and Unavailable when the
    database does not answer.
    """
    chosen = chosen_streams(source, streams)
    with free_streams(database, tenant, source.name, chosen) as free, few_collections():
        started_at = datetime.now(UTC)
        with database.writing() as connection:
            run_id = begin_run(
                connection, tenant, source.name, source.connector, cause=cause, worker=worker
            )
        queue = source.queue(database, tenant, stop)
        with ThreadPoolExecutor(1, thread_name_prefix=f"write-{source.name}") as thread:
            run = Run(
                run_id=run_id,
                thread=thread,
                batch=batch,
                reconcile=reconcile,
                allow_deletes=allow_deletes,
                progress=progress,
                stop=stop,
            )
            wanted = [
                IndexedStream(database, tables, model, source, name, tenant) for name in free.names
            ]
            reports = {name: _left(name, by) for name, by in free.left.items()}
            for ended in read_streams(wanted, run):
                ended.waited = queue.time_waited() if queue is not None else 0.0
                reports[ended.stream] = ended
                free.release(ended.stream)
        report = SyncReport(
            source=source.name,
            run_id=run_id,
            started_at=started_at,
            finished_at=datetime.now(UTC),
            streams=tuple(reports[name] for name in chosen),
        )
        with database.writing() as connection:
            finish_run(connection, tenant, report)
        return report


def _left(stream: str, run: UUID | None) -> StreamReport:
    return StreamReport(stream=stream, left=f"run {run}" if run else "another run")


def chosen_streams(source: Source, streams: Collection[str] | None) -> list[str]:
    """The streams of that name in the order in which they are read, all for None.

    Raises ConfigurationError when the source has no such stream.
    """
    if streams is None:
        return list(source.streams)
    unknown = sorted(set(streams) - source.streams.keys())
    if unknown:
        raise ConfigurationError(
            f"Source {source.name} has no stream {unknown[0]!r};"
            f" it has {', '.join(source.streams)}."
        )
    return [name for name in source.streams if name in streams]

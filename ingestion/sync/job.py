"""The sync of one source: which of its streams, in what order, and the run that is kept of it.

Kill it anywhere and run it again: a STATE is committed together with the rows that precede it, and
writing a record twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from ingestion.source import Source
from ingestion.sync.batch import BATCH
from ingestion.sync.collector import few_collections
from ingestion.sync.report import Progress, SyncReport
from ingestion.sync.runs import begin_run, finish_run, only_one
from ingestion.sync.stream_sync import StreamSync
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
    cause: str = "command",
    worker: str | None = None,
    reconcile: bool = False,
    allow_deletes: bool = False,
    batch: int = BATCH,
) -> SyncReport:
    """Bring the index up to date with a source, stream by stream, parents first.

    At most `batch` records are written in one transaction. A record that cannot be mapped is set
    aside, and a stream that breaks off does not stop the others; the report says so. With
    `reconcile`, all is read from the beginning, and what is held and did not come is marked as
    deleted; a share of it that looks like trouble at the source only with `allow_deletes`.

    Raises SyncInProgress when one of the streams is being synced already, ConfigurationError when
    the source has no such stream, and Unavailable when the database does not answer.
    """
    chosen = chosen_streams(source, streams)
    with only_one(database, tenant, source.name, chosen) as release, few_collections():
        started_at = datetime.now(UTC)
        with database.writing() as connection:
            run_id = begin_run(
                connection, tenant, source.name, source.connector, cause=cause, worker=worker
            )
        reports = []
        for name in chosen:
            stream = StreamSync(
                database, tables, model, source, name, tenant=tenant, run_id=run_id, batch=batch
            )
            reports.append(stream.run(progress, reconcile=reconcile, allow_deletes=allow_deletes))
            release(name)
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

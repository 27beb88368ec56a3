"""`remit sync`: the data."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

from rich.table import Table
from sqlalchemy import func, select

from api.cli.screen import errors, log_to_stderr, show_table
from api.cli.sync_progress import Totals, shown
from api.installation import open_database, open_model
from api.settings import Settings
from api.sources import sources_of
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, RemitError, Unavailable
from index.tables import record
from ingestion.source import Source, SourceError
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.sync.stream_sync import SyncStopped
from semantic_layer import Model

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_COUNTS = ("read", "written", "unchanged", "deleted", "rejected")


def run_sync(
    settings: Settings,
    names: Sequence[str],
    streams: Sequence[str] = (),
    *,
    reconcile: bool = False,
    allow_deletes: bool = False,
    at_once: int = 1,
) -> None:
    """Sync the named sources, or all, until SIGINT or SIGTERM.

    Raises Unavailable when not all could be read.
    """
    log_to_stderr()
    if streams and len(names) != 1:
        raise ConfigurationError("Name the one source that --stream is of.")
    model = open_model(settings)
    with open_database(settings) as database, _stop_on_signal() as stop:
        chosen = _chosen(settings, database, model, names)
        reports = sync_all(
            settings,
            database,
            model,
            chosen,
            streams=streams or None,
            reconcile=reconcile,
            allow_deletes=allow_deletes,
            at_once=at_once,
            stop=stop,
        )
    show(reports)
    if len(reports) == len(chosen) and all(report.complete for report in reports):
        return
    if stop.is_set():
        raise Unavailable("Stopped before everything was read; the next sync goes on from there.")
    raise Unavailable("Not everything could be read; what is said above tells why.")


def sync_all(
    settings: Settings,
    database: Database,
    model: Model,
    sources: Sequence[Source],
    *,
    streams: Sequence[str] | None = None,
    reconcile: bool = False,
    allow_deletes: bool = False,
    at_once: int = 1,
    stop: Event | None = None,
) -> list[SyncReport]:
    """Sync so many sources at once with progress shown; one that fails stops no other.

    Once `stop` is set, each ends with the batch under way. The reports are in the order of the
    sources; one that did not even begin, or was stopped, has none.
    """
    tables = EntityTables(model.specs)
    stop = stop or Event()
    # Only who reads everything can know how much that will be.
    totals = _held(database, settings.tenant) if reconcile else None

    def sync(source: Source) -> SyncReport | None:
        if stop.is_set():
            return None
        progress_shown.begin(source.name)
        source.give_up_when(stop.is_set)
        try:
            return sync_source(
                database,
                tables,
                model,
                source,
                tenant=settings.tenant,
                streams=streams,
                progress=progress_shown.show,
                stop=stop,
                reconcile=reconcile,
                allow_deletes=allow_deletes,
            )
        except SyncStopped:
            errors.print(f"{source.name}: stopped; what was written stays.", markup=False)
            return None
        except SourceError as error:
            errors.print(str(error), markup=False)  # it names the source
            return None
        except RemitError as error:
            errors.print(f"{source.name}: {error}", markup=False)
            return None
        finally:
            progress_shown.end(source.name)

    with shown(errors, totals) as progress_shown:
        if at_once == 1:
            reports = [sync(source) for source in sources]
        else:
            with ThreadPoolExecutor(at_once) as threads:
                reports = list(threads.map(sync, sources))
    return [report for report in reports if report is not None]


@contextmanager
def _stop_on_signal() -> Iterator[Event]:
    """What the first of the signals sets; the second ends this process at once."""
    stop = Event()

    def stop_soon(*_: object) -> None:
        stop.set()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # In a thread of its own, for the signal may have come in the middle of another line.
        words = "Stopping after the batches that are under way; Ctrl-C again stops at once."
        Thread(target=errors.print, args=(words,)).start()

    before = {number: signal.signal(number, stop_soon) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _held(database: Database, tenant: str) -> Totals:
    """How many records there are of each stream."""
    statement = (
        select(record.c.source, record.c.stream, func.count())
        .where(record.c.tenant_id == tenant, record.c.deleted_at.is_(None))
        .group_by(record.c.source, record.c.stream)
    )
    with database.writing() as connection:
        return {(source, stream): count for source, stream, count in connection.execute(statement)}


def show(reports: Sequence[SyncReport]) -> None:
    """Print what the syncs did: a table with a line for each stream, then all remarks in full."""
    table = Table(box=None, pad_edge=False)
    for name in ("source", "stream"):
        table.add_column(name, no_wrap=True)
    for name in (*_COUNTS, "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    remarks: list[str] = []
    for report in reports:
        for stream in report.streams:
            counts = (f"{getattr(stream, name):,}" for name in _COUNTS)
            table.add_row(report.source, stream.stream, *counts, f"{stream.seconds:.1f}")
            said = stream.remarks
            remarks += [f"{report.source}, {stream.stream}: {remark}" for remark in said]
    show_table(table, on=errors)
    for remark in remarks:
        errors.print(remark, markup=False)


def _chosen(
    settings: Settings, database: Database, model: Model, names: Sequence[str]
) -> list[Source]:
    with database.writing() as connection:
        found = sources_of(settings, connection)
    if not found.entries:
        raise ConfigurationError(
            "No source is configured. Add one with `remit source add`, or describe them in a"
            " remit.yaml and run `remit apply`."
        )
    return [Source(found.config(name), model.specs) for name in names or found.entries]

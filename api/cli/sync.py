"""`remit sync`: the data."""

from __future__ import annotations

from collections.abc import Sequence

from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.cli.screen import errors, log_to_stderr
from api.services import open_database, open_model, open_sources
from api.settings import Settings
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, RemitError, Unavailable
from ingestion import Progress, Source, SyncReport, sync_source
from semantic_layer import Model

_COUNTS = ("read", "written", "unchanged", "deleted", "rejected")


def run_sync(settings: Settings, names: Sequence[str]) -> None:
    """Sync the named sources, or all. Raises Unavailable when not all could be read."""
    log_to_stderr()
    model = open_model(settings)
    chosen = _chosen(settings, model, names)
    with open_database(settings) as database:
        reports = sync_all(settings, database, model, chosen)
    show(reports)
    if len(reports) < len(chosen) or not all(report.complete for report in reports):
        raise Unavailable("Not everything could be read; what is said above tells why.")


def sync_all(
    settings: Settings, database: Database, model: Model, sources: Sequence[Source]
) -> list[SyncReport]:
    """Sync one source after the other with progress shown; one that fails stops no other."""
    tables = EntityTables(model.specs)
    reports: list[SyncReport] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=errors) as bars:
        for source in sources:
            lines = _Lines(bars, source.name)
            try:
                report = sync_source(
                    database, tables, model, source, tenant=settings.tenant, progress=lines.show
                )
            except RemitError as error:
                errors.print(f"{source.name}: {error}", markup=False)
            else:
                reports.append(report)
            finally:
                lines.finish()
    return reports


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
            said = (stream.error, stream.suspicion, *stream.warnings)
            remarks += [f"{report.source}, {stream.stream}: {remark}" for remark in said if remark]
    errors.print(table, soft_wrap=False)
    for remark in remarks:
        errors.print(remark, markup=False)


class _Lines:
    """A line of progress for each stream of a source."""

    def __init__(self, bars: Bars, source: str) -> None:
        self._bars = bars
        self._source = source
        self._stream = ""
        self._line = bars.add_task(f"{source}: connecting", total=None)

    def show(self, progress: Progress) -> None:
        if self._stream not in ("", progress.stream):
            self.finish()
            self._line = self._bars.add_task("", total=None)
        self._stream = progress.stream
        done = f"{progress.read:,} read, {progress.written:,} written"
        self._bars.update(self._line, description=f"{self._source}: {progress.stream}, {done}")

    def finish(self) -> None:
        self._bars.update(self._line, total=1, completed=1)


def _chosen(settings: Settings, model: Model, names: Sequence[str]) -> list[Source]:
    settings.required_path("sources")
    configured = {source.name: source for source in open_sources(settings, model)}
    unknown = [name for name in names if name not in configured]
    if unknown:
        raise ConfigurationError(
            f"There is no source {unknown[0]!r}; configured: {', '.join(configured)}."
        )
    return [configured[name] for name in names] if names else list(configured.values())

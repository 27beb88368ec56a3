"""`remit runs`: the syncs there were."""

from __future__ import annotations

from datetime import datetime

from rich.table import Table

from api.cli.screen import log_to_stderr, output, printable, show_table
from api.installation import open_database
from api.settings import Settings
from ingestion.schedule.kept_runs import KeptRun, find_run, kept_runs

_COUNTS = ("read", "written", "unchanged", "deleted", "rejected")
_ID = 8  # letters of an id that tell it from all others


def print_runs(settings: Settings, source: str | None, limit: int) -> None:
    """Print the newest runs, of one source or of all, a line each."""
    log_to_stderr()
    with open_database(settings) as database, database.writing() as connection:
        found = kept_runs(connection, settings.tenant, source=source, limit=limit)
    table = _table("run", "source", "started", "took", "cause", "outcome", numbers=_COUNTS)
    for run in found:
        table.add_row(
            str(run.run_id)[:_ID],
            printable(run.source),
            _moment(run.started_at),
            _took(run),
            run.cause,
            run.outcome,
            *(f"{run.count(name):,}" if run.streams else "" for name in _COUNTS),
        )
    show_table(table, on=output)


def print_run(settings: Settings, id: str) -> None:
    """Print a run, a line for each of its streams, and what was wrong in full."""
    log_to_stderr()
    with open_database(settings) as database, database.writing() as connection:
        run = find_run(connection, settings.tenant, id)
    worker = f", by {run.worker}" if run.worker else ""
    output.print(f"run {run.run_id} of {printable(run.source)}: {run.outcome}")
    output.print(f"started {_moment(run.started_at)}, took {_took(run)}, {run.cause}{worker}")
    table = _table("stream", numbers=(*_COUNTS, "seconds"))
    for name, report in run.streams.items():
        counts = (f"{report.get(count, 0):,}" for count in _COUNTS)
        table.add_row(printable(name), *counts, f"{report.get('seconds', 0):.1f}")
    if run.streams:
        show_table(table, on=output)
    for name, problem in run.problems.items():
        output.print(printable(f"{name}: {problem}"))


def _table(*columns: str, numbers: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _took(run: KeptRun) -> str:
    if run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():,.1f} s"

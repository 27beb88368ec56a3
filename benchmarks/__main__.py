"""`python -m benchmarks [NAME …]`: every figure against a named reference, side by side in one run.

Without a name, all of them: decision, plan, page, publish, preview, nested, sync, large, workers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from access_policies import Principal, Snapshot, load_policies
from api.cli.serve import keep_what_is_loaded
from benchmarks import (
    decision,
    large_stream,
    nested_graphql,
    page,
    plan,
    preview,
    publish,
    sync_rate,
    tokens,
    workers,
)
from benchmarks.timing import Line
from index.database import Database
from index.embedded import embedded_database
from index.entity_tables import EntityTables
from index.migrations import migrate
from index.schema_plan import apply
from semantic_layer import Context, Model, load_model
from semantic_layer.reader import Reader
from semantic_layer.resolver import Asked, Resolver
from semantic_layer.schema import Schemas

DEMO_POLICIES = Path(__file__).resolve().parent.parent / "examples/demo/policies"
SYNC_SCALE = float(os.environ.get("REMIT_BENCH_SCALE", "5"))


@dataclass(frozen=True)
class Run:
    """What a benchmark can stand on: the shipped model, a running Postgres and a folder."""

    model: Model
    url: str
    directory: Path

    @contextmanager
    def database(self, name: str) -> Iterator[Database]:
        """A fresh database with all tables."""
        with create_engine(self.url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        url = make_url(self.url).set(database=name).render_as_string(hide_password=False)
        database = Database(url)
        with database.writing() as connection:
            migrate(connection)
        with database.writing() as connection:
            apply(connection, EntityTables(self.model.specs))
        yield database
        database.writer.dispose()


def main(names: list[str]) -> None:
    """Measure what is named, or everything, and print one table."""
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.")
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with embedded_database(directory / "postgres") as url:
            run = Run(load_model(), url, directory)
            keep_what_is_loaded()  # as the service does before its first request
            for chosen in names or BENCHMARKS:
                lines += BENCHMARKS[chosen](run)
    _print(lines)


def _page(run: Run) -> list[Line]:
    with run.database("page") as database:
        return page.measure(database, run.model)


def _publish(run: Run) -> list[Line]:
    with run.database("publish") as database:
        return publish.measure(database, run.directory / "publish")


def _preview(run: Run) -> list[Line]:
    with run.database("preview") as database:
        return preview.measure(database, run.model)


def _nested(run: Run) -> list[Line]:
    async def measure(database: Database) -> list[Line]:
        lines = await nested_graphql.measure(database, run.model, DEMO_POLICIES)
        await database.close()
        return lines

    with run.database("nested") as database:
        return asyncio.run(measure(database))


def _sync(run: Run) -> list[Line]:
    with run.database("sync") as database:
        lines = sync_rate.measure(database, run.model, scale=SYNC_SCALE)
        return lines + tokens.measure(asyncio.run(_25_tickets(database, run.model)))


def _large(run: Run) -> list[Line]:
    with run.database("large") as database:
        return large_stream.measure(database)


BENCHMARKS: Mapping[str, Callable[[Run], list[Line]]] = {
    "decision": lambda run: decision.measure(run.model),
    "plan": lambda run: plan.measure(run.model),
    "page": _page,
    "publish": _publish,
    "preview": _preview,
    "nested": _nested,
    "sync": _sync,
    "large": _large,
    "workers": lambda run: workers.measure(run.database, run.directory, scale=SYNC_SCALE),
}


async def _25_tickets(database: Database, model: Model) -> Asked:
    """The answer to "tickets" of the company that the sync loaded: a page of 25."""
    reader = Reader(database, model, EntityTables(model.specs))
    resolver = Resolver(Schemas(model), reader)
    principal = Principal.create(
        tenant="sync-bench",
        user="maya",
        agent=None,
        purpose=None,
        user_attributes={"department": "support", "regions": ["EMEA", "AMER", "APAC"]},
        agent_attributes={},
        declared=model.callers,
    )
    snapshot = Snapshot(load_policies(DEMO_POLICIES, model.specs, model.callers))
    context = Context(principal=principal, snapshot=snapshot, now=datetime.now(UTC))
    asked = await resolver.ask(context, "tickets")
    if asked.data is None or len(asked.data["tickets"]["nodes"]) != 25:
        raise AssertionError(f"expected 25 tickets: {asked.message}")
    await database.close()
    return asked


def _print(lines: list[Line]) -> None:
    table = Table(title="Measured in this run; ratios are against the reference beside them")
    for column in ("what", "measured", "reference", "to reach"):
        table.add_column(column)
    for line in lines:
        table.add_row(line.what, line.measured, line.reference, line.reach)
    Console(width=160).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m benchmarks`: every figure against a named reference, side by side in one run."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from access_policies import Principal, Snapshot, load_policies
from benchmarks import nested_graphql, policy, sync_rate, tokens
from benchmarks.timing import Line
from index.database import Database
from index.embedded import embedded_database
from index.entity_tables import EntityTables, apply
from index.migrations import migrate
from semantic_layer import Asked, Context, Model, Reader, Resolver, Schemas, load_model

DEMO_POLICIES = Path(__file__).resolve().parent.parent / "examples/demo/policies"
SYNC_SCALE = float(os.environ.get("REMIT_BENCH_SCALE", "5"))


def main() -> None:
    """Measure everything and print one table."""
    model = load_model()
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        lines = policy.measure(model, directory / "policies")
        with embedded_database(directory / "postgres") as url:
            with _database(url, model, "nested") as database:
                lines += asyncio.run(_nested(database, model))
            with _database(url, model, "sync") as database:
                lines += sync_rate.measure(database, model, scale=SYNC_SCALE)
                lines += tokens.measure(asyncio.run(_25_tickets(database, model)))
    _print(lines)


async def _nested(database: Database, model: Model) -> list[Line]:
    lines = await nested_graphql.measure(database, model, DEMO_POLICIES)
    await database.close()
    return lines


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


@contextmanager
def _database(url: str, model: Model, name: str) -> Iterator[Database]:
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    database = Database(make_url(url).set(database=name).render_as_string(hide_password=False))
    with database.writing() as connection:
        migrate(connection)
    with database.writing() as connection:
        apply(connection, EntityTables(model.specs))
    yield database
    database.writer.dispose()


def _print(lines: list[Line]) -> None:
    table = Table(title="Measured in this run; ratios are against the reference beside them")
    for column in ("what", "measured", "reference", "to reach"):
        table.add_column(column)
    for line in lines:
        table.add_row(line.what, line.measured, line.reference, line.reach)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

"""SIGKILL in the middle of a sync loses nothing and doubles nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from ingestion.simulator import Company, Simulator
from tests.api.conftest import fill
from tests.api.forked_commands import ForkedCommands
from tests.api.processes import environment, remit, started, wait_until
from tests.api.site import EXAMPLES, TENANT, settings_for, write_sources
from tests.conftest import fresh_database

# What a sync leaves behind, less the moments at which it happened.
_MOMENTS = ("synced_at", "live_at", "linked_at", "rejected_at", "rejected_id", "run_id")
_ENTITIES = (
    "account",
    "comment",
    "contact",
    "customer",
    "invoice",
    "opportunity",
    "subscription",
    "ticket",
    "user",
)
_TABLES = {
    **{f"entity.{name}": _MOMENTS for name in _ENTITIES},
    # Stripe's lists do not say when an object changed last; the time of reading stands in for it.
    "remit.record": (*_MOMENTS, "updated_at"),
    "remit.identity_link": _MOMENTS,
    "remit.rejected_record": _MOMENTS,
}


def _contents(url: str) -> dict[str, list[Any]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {table: _rows(connection, table, less) for table, less in _TABLES.items()}
    engine.dispose()
    return found


def _rows(connection: Connection, table: str, less: tuple[str, ...]) -> list[Any]:
    minus = "".join(f" - '{name}'" for name in less)
    rows = connection.execute(text(f"SELECT to_jsonb(t){minus} AS row FROM {table} t"))  # noqa: S608
    return sorted((row.row for row in rows), key=repr)


def _rows_of(url: str, table: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
    engine.dispose()
    return found


def _variables(home: Path, url: str, simulator: Simulator) -> dict[str, str]:
    return environment(
        REMIT_HOME=str(home),
        REMIT_TENANT=TENANT,
        REMIT_DATABASE_URL=url,
        REMIT_POLICIES=str(EXAMPLES / "policies"),
        REMIT_SOURCES=str(write_sources(home / "sources.yaml", simulator)),
    )


# How far the sync is when it is killed.
MOMENTS: dict[str, Callable[[str], bool]] = {
    "when the first rows are in": lambda url: _rows_of(url, "entity.user") > 0,
    "between two sources": lambda url: _rows_of(url, "entity.ticket") > 0,
    "in the last source": lambda url: _rows_of(url, "entity.subscription") > 0,
}


@pytest.fixture(scope="module")
def simulator(company: Company) -> Iterator[Simulator]:
    """One for all: records hold its addresses, so contents can only be compared from the same."""
    with Simulator(company, page_limit=20) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def undisturbed(
    cluster: str, template: str, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Any]]]:
    """What a sync leaves that nobody kills."""
    with fresh_database(cluster, template) as url:
        fill(settings_for(tmp_path_factory.mktemp("undisturbed"), url, simulator))
        yield _contents(url)


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_sync_that_is_run_again_equals_an_undisturbed_one(
    cluster: str,
    template: str,
    simulator: Simulator,
    undisturbed: dict[str, list[Any]],
    commands: ForkedCommands,
    tmp_path: Path,
    moment: Callable[[str], bool],
) -> None:
    with fresh_database(cluster, template) as url:
        variables = _variables(tmp_path, url, simulator)
        with started(remit("sync"), variables, tmp_path) as sync:
            wait_until(lambda: moment(url) or sync.poll() is not None, "rows in the database")
            assert sync.poll() is None, "the sync was over before it could be killed"
            sync.kill()
            sync.wait()
        assert _contents(url) != undisturbed
        code, _, errors = commands.run("sync", variables=variables, folder=tmp_path)
        assert code == 0, errors
        assert _contents(url) == undisturbed

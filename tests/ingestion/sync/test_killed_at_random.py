"""Kill a sync or its Postgres at any moment, over and over, while the source changes.

In the end the index is what an undisturbed sync makes of what the source has then. REMIT_KILLS=N
kills so many times (50 unless set), REMIT_KILL_SEED=N at other moments.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from index.embedded import embedded_database
from index.entity_tables import EntityTables
from index.errors import Unavailable
from index.migrations import migrate
from index.schema_plan import apply
from semantic_layer import Model
from tests.conftest import connected, fresh_database, quick_place
from tests.ingestion.index_under_test import Row
from tests.ingestion.sync.desk.desk import Desk, DeskIndex, filled_desk, serving
from tests.ingestion.sync.forked import COMPLETE, WITHOUT_DATABASE, Forks

KILLS = int(os.environ.get("REMIT_KILLS", "50"))
SEED = int(os.environ.get("REMIT_KILL_SEED", "7"))
PEOPLE = 120
ROUNDS = 3  # as often the index is compared

pytestmark = pytest.mark.timeout(60 + 10 * KILLS)


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[str]:
    """A Postgres that may be killed without harm to other tests."""
    with tempfile.TemporaryDirectory(prefix="remit-kill-", dir=quick_place()) as directory:
        Path(directory).chmod(0o755)
        with embedded_database(Path(directory), database="killed") as url:
            yield url


def test_worker_killed_at_random(
    database_url: str, model: Model, cluster: str, template: str
) -> None:
    """Four of five kills."""
    random = Random(SEED)  # noqa: S311
    killed = 0
    with serving(filled_desk(PEOPLE)) as desk, Forks(database_url, desk.url) as forks:
        lasts = _seconds_of_a_sync(forks)
        for number in range(KILLS * 4 // 5):
            _change(desk, random, number)
            pid = forks.start()
            time.sleep(random.uniform(0, lasts))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed += forks.wait() == -signal.SIGKILL
            if (number + 1) % max(1, KILLS * 4 // 5 // ROUNDS) == 0:
                assert _recovered(forks)
                _assert_as_undisturbed(database_url, desk, model, cluster, template)
    assert killed > KILLS * 4 // 5 // 2


def test_postgres_killed_at_random(
    own_cluster: str, model: Model, cluster: str, template: str
) -> None:
    """One of five: a server process is killed, upon which Postgres ends all others and recovers."""
    random = Random(SEED)  # noqa: S311
    with connected(own_cluster) as database:
        with database.writing() as connection:
            migrate(connection)
        with database.writing() as connection:
            apply(connection, EntityTables(model.specs))
    with serving(filled_desk(PEOPLE)) as desk, Forks(own_cluster, desk.url) as forks:
        lasts = _seconds_of_a_sync(forks)
        for number in range(max(1, KILLS // 5)):
            _change(desk, random, number)
            forks.start()
            time.sleep(random.uniform(0.02, lasts))
            _kill_a_server_process(own_cluster)
            assert forks.wait() in (COMPLETE, WITHOUT_DATABASE)
        assert _recovered(forks)
        _assert_as_undisturbed(own_cluster, desk, model, cluster, template)


def _seconds_of_a_sync(forks: Forks) -> float:
    """After a first one, so that there is something to change."""
    forks.start()
    assert forks.wait() == COMPLETE
    started = time.monotonic()
    forks.start()
    assert forks.wait() == COMPLETE
    return time.monotonic() - started


def _recovered(forks: Forks) -> bool:
    """Syncs until nothing is in the way: a killed one's lock goes with its connection."""
    for _ in range(50):
        forks.start()
        if forks.wait() == COMPLETE:
            return True
        time.sleep(0.1)
    return False


def _change(desk: Desk, random: Random, number: int) -> None:
    """Somebody is new, some have changed, and now and then one has left."""
    moment = f"2026-02-01T{number // 60:02}:{number % 60:02}:00Z"
    key = f"p9{number:04}"
    desk.people[key] = {"id": key, "name": "New", "email": f"{key}@c1.io", "company": "c1"}
    for person in random.sample(sorted(desk.people), 20):
        desk.people[person]["name"] = f"Renamed {number}"
    for ticket in random.sample(sorted(desk.tickets), 20):
        desk.tickets[ticket] |= {"subject": f"Changed {number}", "updated_at": moment}
    for company in random.sample(sorted(desk.companies), 2):
        desk.companies[company]["domains"] = [f"{random.choice('abc')}.io"]
    if number % 3 == 0:
        del desk.comments[random.choice(sorted(desk.comments))]


def _kill_a_server_process(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            # Its own: whichever it is, Postgres trusts no shared memory after it.
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            os.kill(pid, signal.SIGKILL)
            connection.execute(text("SELECT 1"))
    except OperationalError:
        pass
    finally:
        engine.dispose()


def _assert_as_undisturbed(url: str, desk: Desk, model: Model, cluster: str, template: str) -> None:
    with fresh_database(cluster, template) as fresh, connected(fresh) as undisturbed:
        index = DeskIndex(undisturbed, model, desk)
        assert index.read().complete
        expected = _alive(index)
    with connected(url) as database:
        found = _patiently(lambda: _alive(DeskIndex(database, model, desk)))
    assert found == expected


def _patiently(ask: Callable[[], Any]) -> Any:
    """While Postgres recovers, it answers nobody."""
    deadline = time.monotonic() + 15
    while True:
        try:
            return ask()
        except (OperationalError, Unavailable):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _alive(index: DeskIndex) -> dict[str, list[Row]]:
    """What is held, but for what is gone, of which an index that never had it knows nothing."""
    contents = index.contents()
    return {
        name: [row for row in rows if row.get("deleted_at") is None]
        for name, rows in contents.items()
    }

"""What all tests stand on: a fresh Postgres per run, and a fresh database per test."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from index.database import Database
from index.embedded import embedded_database
from index.entity_tables import EntityTables
from index.migrations import migrate
from index.schema_plan import apply
from semantic_layer import load_model

_numbers = count()

# Memory that is used like a disk, where there is one, and what must be free there: a database is
# five hundred files, which are made and removed for most tests.
_IN_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30


def pytest_collection_finish() -> None:
    """Tests and all that they import stay until the end. Not to look them through each time when
    garbage is collected saves a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The URL of the maintenance database of a Postgres that lives as long as the run."""
    # Not below pytest's own temporary folders: those are closed to the user Postgres runs as.
    with tempfile.TemporaryDirectory(prefix="remit-test-", dir=quick_place()) as directory:
        os.chmod(directory, 0o755)  # noqa: S103
        with embedded_database(Path(directory), database="maintenance") as url:
            # Nothing here has to outlive a failure of the machine.
            _execute(url, "ALTER SYSTEM SET fsync = off")
            _execute(url, "SELECT pg_reload_conf()")
            yield url


def quick_place() -> Path | None:
    """Where a Postgres is quickest; None is the usual place for what is temporary."""
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free >= _ROOM
    return _IN_MEMORY if roomy else None


@pytest.fixture(scope="session")
def template(cluster: str) -> str:
    """The name of a database with the core tables and the shipped model's entity tables."""
    _execute(cluster, 'CREATE DATABASE "template_remit"')
    database = Database(_url(cluster, "template_remit"))
    with database.writing() as connection:
        migrate(connection)
    with database.writing() as connection:
        apply(connection, EntityTables(load_model().specs))
    database.writer.dispose()
    return "template_remit"


@pytest.fixture
def database_url(cluster: str, template: str) -> Iterator[str]:
    """The URL of a fresh database, gone after the test."""
    with fresh_database(cluster, template) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with connected(database_url) as database:
        yield database


@contextmanager
def fresh_database(cluster: str, template: str) -> Iterator[str]:
    """A clone of the template, for fixtures that live longer than a test."""
    name = f"test_{next(_numbers)}"
    # By page would be slower, as every page would be logged.
    _execute(cluster, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    yield _url(cluster, name)
    _execute(cluster, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def connected(url: str) -> Iterator[Database]:
    # Unpooled reads: async connections must not outlive the event loop of their test.
    database = Database(url, pooled=False)
    yield database
    database.writer.dispose()


def _url(cluster: str, name: str) -> str:
    return make_url(cluster).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()

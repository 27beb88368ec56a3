"""The database for commands that cannot work before `remit migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from api.installation import open_database
from api.settings import Settings
from index.database import Database
from index.errors import ConfigurationError
from ingestion.workspace.definitions import is_migrated


@contextmanager
def open_migrated(settings: Settings) -> Iterator[Database]:
    """The configured database. Raises ConfigurationError when its tables are not there yet."""
    with open_database(settings) as database:
        with database.writing() as connection:
            ready = is_migrated(connection)
        if not ready:
            raise ConfigurationError(
                "The database has no tables for sources yet: run `remit migrate` first."
            )
        yield database


@contextmanager
def migrated_connection(settings: Settings) -> Iterator[Connection]:
    """One transaction in it."""
    with open_migrated(settings) as database, database.writing() as connection:
        yield connection

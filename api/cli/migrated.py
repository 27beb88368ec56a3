"""The database for commands that cannot work before `remit migrate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from api.installation import open_database
from api.settings import Settings
from index.database import Database
from index.errors import ConfigurationError
from ingestion.workspace.definitions import is_migrated


@dataclass(frozen=True)
class Tables:
    """What a command needs, and how it is seen whether the database has it."""

    purpose: str
    are_there: Callable[[Connection], bool]


_OF_SOURCES = Tables("sources", is_migrated)


@contextmanager
def open_migrated(settings: Settings, tables: Tables = _OF_SOURCES) -> Iterator[Database]:
    """The configured database. Raises ConfigurationError when the tables are not there yet."""
    with open_database(settings) as database:
        with database.writing() as connection:
            ready = tables.are_there(connection)
        if not ready:
            raise ConfigurationError(
                f"The database has no tables for {tables.purpose} yet, or older ones: run `remit"
                " migrate` first."
            )
        yield database


@contextmanager
def migrated_connection(settings: Settings, tables: Tables = _OF_SOURCES) -> Iterator[Connection]:
    """One transaction in it."""
    with open_migrated(settings, tables) as database, database.writing() as connection:
        yield connection

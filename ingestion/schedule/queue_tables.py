"""The tables of the job queue, which are procrastinate's, in a schema of their own.

procrastinate keeps no note of how far a database has been migrated, so the schema's comment does:
it ends with the name of the newest migration.
"""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager
from psycopg import sql
from sqlalchemy import Connection, text

from index.errors import ConfigurationError

QUEUE_SCHEMA = "remit_jobs"

_NOTE = "Jobs of procrastinate, migrated to "
_NOTED = text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('remit.queue_tables', 0))")
_USE = text(f"SET LOCAL search_path TO {QUEUE_SCHEMA}")


def migrate_queue(connection: Connection) -> None:
    """Create or upgrade the tables of the queue within the connection's transaction."""
    connection.execute(_LOCK)
    done = _newest_applied(connection)
    to_do = [migration for migration in _migrations() if done is None or migration.name > done]
    if not to_do:
        return
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {QUEUE_SCHEMA}"))
    connection.execute(_USE)
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # the transaction is open
    for migration in to_do:
        # Several statements in a text, which goes without parameters only.
        driver.execute(migration.read_text(encoding="utf-8"))
    note = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
        sql.Identifier(QUEUE_SCHEMA), sql.Literal(_NOTE + to_do[-1].name)
    )
    driver.execute(note)
    connection.execute(text("SET LOCAL search_path TO DEFAULT"))


def check_queue(connection: Connection) -> None:
    """Raises ConfigurationError when the tables are not those of the installed procrastinate."""
    done, newest = _newest_applied(connection), _migrations()[-1].name
    if done is None or done < newest:
        what = "has no tables for jobs" if done is None else "has older tables for jobs"
        raise ConfigurationError(f"The database {what}. Run `remit migrate`, then start again.")
    if done > newest:
        raise ConfigurationError(
            "The database was migrated by a newer version of Remit. Install that one here, too."
        )


def use_queue(connection: Connection) -> None:
    """Let what follows in the transaction find the tables of the queue, and those only."""
    connection.execute(_USE)


def _newest_applied(connection: Connection) -> str | None:
    note: str | None = connection.execute(_NOTED, {"schema": QUEUE_SCHEMA}).scalar_one()
    return note.removeprefix(_NOTE) if note is not None and note.startswith(_NOTE) else None


def _migrations() -> list[Path]:
    return sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))

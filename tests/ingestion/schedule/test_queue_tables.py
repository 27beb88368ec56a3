"""The tables for jobs: made, upgraded, and refused when they are of another time."""

from __future__ import annotations

from pathlib import Path

import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, text

from index.database import Database
from index.errors import ConfigurationError
from ingestion.schedule.queue_tables import QUEUE_SCHEMA, check_queue, migrate_queue

_OBJECTS = text(
    "SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)"
    " UNION SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:schema)"
)


def _objects(connection: Connection, schema: str) -> set[str]:
    return set(connection.execute(_OBJECTS, {"schema": schema}).scalars())


def _note(connection: Connection, newest: str) -> None:
    connection.execute(
        text(f"COMMENT ON SCHEMA {QUEUE_SCHEMA} IS 'Jobs of procrastinate, migrated to {newest}'")
    )


def test_they_are_those_that_procrastinate_makes(database: Database) -> None:
    with database.writing() as connection:
        migrate_queue(connection)
        migrate_queue(connection)
        check_queue(connection)
        connection.execute(text("CREATE SCHEMA fresh"))
        connection.execute(text("SET LOCAL search_path TO fresh"))
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(SchemaManager.get_schema())
        assert _objects(connection, QUEUE_SCHEMA) == _objects(connection, "fresh")


def test_older_ones_are_upgraded(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    migrations = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    for migration in migrations:
        if migration.name < "03.01":  # before workers had heartbeats
            (tmp_path / migration.name).write_text(migration.read_text())
    with database.writing() as connection, monkeypatch.context() as older:
        older.setattr(SchemaManager, "get_migrations_path", lambda: str(tmp_path))
        migrate_queue(connection)
        check_queue(connection)
    with database.writing() as connection:
        assert "procrastinate_workers" not in _objects(connection, QUEUE_SCHEMA)
        with pytest.raises(ConfigurationError, match="remit migrate"):
            check_queue(connection)
        migrate_queue(connection)
        check_queue(connection)
        assert "procrastinate_workers" in _objects(connection, QUEUE_SCHEMA)


def test_missing_and_newer_ones_are_refused_with_words(database: Database) -> None:
    with database.writing() as connection:
        with pytest.raises(ConfigurationError, match="no tables for jobs"):
            check_queue(connection)
        migrate_queue(connection)
        _note(connection, "99.00.00_01_of_the_future.sql")
        migrate_queue(connection)
        with pytest.raises(ConfigurationError, match="newer version"):
            check_queue(connection)


def test_who_reads_has_no_access(database: Database) -> None:
    with database.writing() as connection:
        migrate_queue(connection)
        allowed = text("SELECT has_schema_privilege('remit_query', :schema, 'USAGE')")
        assert not connection.execute(allowed, {"schema": QUEUE_SCHEMA}).scalar_one()

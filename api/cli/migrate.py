"""`remit migrate`: the schema."""

from __future__ import annotations

from api.cli.screen import log_to_stderr, output
from api.installation import open_database, open_model
from api.settings import Settings
from index.database import Database
from index.entity_tables import EntityTables
from index.migrations import migrate
from index.schema_plan import apply
from ingestion.schedule.queue_tables import migrate_queue
from semantic_layer import Model


def run_migration(settings: Settings) -> None:
    """Create or upgrade all tables, and say what was changed in those of the model."""
    log_to_stderr()
    with open_database(settings) as database:
        changes = prepare(database, open_model(settings))
    for change in changes:
        output.print(change)
    output.print("The database is up to date.")


def prepare(database: Database, model: Model) -> list[str]:
    """Create or upgrade all tables; returns one line for each change in those of the model."""
    with database.writing() as connection:
        migrate(connection)
    with database.writing() as connection:
        migrate_queue(connection)
    with database.writing() as connection:
        return apply(connection, EntityTables(model.specs)).describe()

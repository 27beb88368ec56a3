from __future__ import annotations

import pytest

from index.database import Database
from index.writer import register_source
from ingestion.schedule.queue_tables import migrate_queue
from tests.ingestion.index_under_test import TENANT


@pytest.fixture
def queue(database: Database) -> Database:
    """A database with the tables for jobs, and two sources that nothing is known of yet."""
    with database.writing() as connection:
        migrate_queue(connection)
        for name in ("salesforce", "zendesk"):
            register_source(connection, TENANT, name, name)
    return database

"""Alembic's environment: the core tables in schema `remit`; entity tables belong to the model."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine, text

from index import text_tables  # noqa: F401  # its tables are in the metadata, too
from index.tables import SCHEMA, metadata

# Two processes that start at once must not migrate at once; the number names this lock only.
_LOCK = 7_365_141


def _run(connection) -> None:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
        compare_type=True,
        compare_server_default=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        connection.execute(text("SET LOCAL lock_timeout = '30s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = os.environ.get("REMIT_DATABASE_URL")
    if not url:
        raise SystemExit("Set REMIT_DATABASE_URL to the database that Alembic shall look at.")
    with create_engine(url).begin() as own:
        _run(own)

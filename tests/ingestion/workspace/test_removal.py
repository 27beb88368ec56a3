"""A source that is removed with its data leaves nothing, and takes nothing of another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import MetaData, Table, func, inspect, select, text

from index.database import Database
from index.incoming import Incoming, content_hash
from index.stream import Stream
from index.writer import write_batch
from ingestion.workspace.removal import forget_source, records_of
from tests.api.processes import wait_until
from tests.ingestion.index_under_test import TENANT, Index

# Customers follow from accounts, so they belong to no source; their ids and names must still fit.
_CUSTOMERS = "SELECT id, name FROM entity.customer ORDER BY id"
_LINKS = "SELECT member_id, customer_id FROM remit.identity_link ORDER BY member_id"


def test_nothing_is_left_of_it_and_all_of_the_others(synced: Index) -> None:
    database, before = synced.database, _counts(synced.database)
    assert before["zendesk"] > 0
    with database.writing() as connection:
        records = records_of(connection, TENANT, "zendesk")
        assert forget_source(connection, synced.tables, synced.model, TENANT, "zendesk") == records
    assert records > 0
    assert _counts(database) == {**before, "zendesk": 0}
    with database.writing() as connection:
        members = connection.execute(text(_LINKS)).all()
        customers = connection.execute(text(_CUSTOMERS)).all()
        accounts = set(
            connection.execute(
                text("SELECT id FROM entity.account WHERE deleted_at IS NULL")
            ).scalars()
        )
    assert {member for member, _ in members} == accounts
    assert {customer for _, customer in members} == {id for id, _ in customers}


# By what the removal meets the batch: the source that a new record refers to, or also a record.
@pytest.mark.parametrize("held", [False, True], ids=["new", "held and new"])
def test_a_batch_under_way_leaves_nothing_either(synced: Index, held: bool) -> None:
    database = synced.database
    stream = Stream(tenant=TENANT, source="zendesk", name="users", entities=("contact", "user"))
    keys = [synced.rows("contact", source="zendesk")[0]["remote_id"]] if held else []
    batch = [
        Incoming(key, b"{}", content_hash(b"{}"), None, "contact", {"name": "New", "custom": {}})
        for key in (*keys, "new")
    ]

    def forget() -> None:
        with database.writing() as connection:
            forget_source(connection, synced.tables, synced.model, TENANT, "zendesk")

    with ThreadPoolExecutor(1) as threads:
        with database.writing() as connection:
            write_batch(connection, synced.tables, stream, batch, at=datetime.now(UTC))
            removal = threads.submit(forget)
            wait_until(lambda: _is_awaited(database) or removal.done(), "a removal that waits")
        removal.result()
    assert _counts(database)["zendesk"] == 0


def _is_awaited(database: Database) -> bool:
    """Whether a transaction waits for another."""
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    with database.session() as connection:
        return bool(connection.execute(text(waiting)).scalar_one())


def _counts(database: Database) -> dict[str, int]:
    """How many rows of any table name each source, all tables together."""
    found = dict.fromkeys(("salesforce", "stripe", "zendesk"), 0)
    with database.writing() as connection:
        there = inspect(connection)
        for schema in ("remit", "entity"):
            for table in there.get_table_names(schema):
                columns = {column["name"] for column in there.get_columns(table, schema)}
                # A customer's row names the source that it has its name from.
                if table == "customer" or not columns & {"source", "name"}:
                    continue
                column = "source" if "source" in columns else "name"
                for name in found:
                    rows = Table(table, MetaData(), schema=schema, autoload_with=connection)
                    mine = select(func.count()).where(rows.c[column] == name)
                    found[name] += connection.execute(mine).scalar_one()
    return found

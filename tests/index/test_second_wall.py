"""The wall behind the policy clause: what the query role can do, whatever the statement says."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from index.database import Database
from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.tables import identity_link
from index.writer import register_source

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def two_tenants(database: Database, tables: EntityTables) -> Database:
    """A ticket each for two tenants."""
    for tenant in ("ours", "theirs"):
        with database.writing() as connection:
            register_source(connection, tenant, "desk", "zendesk")
            row = {
                "tenant_id": tenant,
                "id": uuid4(),
                "source": "desk",
                "stream": "tickets",
                "remote_id": "1",
                "synced_at": NOW,
                "subject": tenant,
            }
            upsert_rows(connection, tables, "ticket", [row])
            connection.execute(
                identity_link.insert().values(
                    tenant_id=tenant, member_id=uuid4(), customer_id=uuid4(), evidence=[]
                )
            )
    return database


async def test_without_any_clause_only_the_tenants_own_rows_are_seen(
    two_tenants: Database, tables: EntityTables
) -> None:
    async with two_tenants.reading("ours") as connection:
        assert (await connection.execute(select(tables["ticket"].c.subject))).scalars().all() == [
            "ours"
        ]
        links = select(func.count()).select_from(identity_link)
        assert (await connection.execute(links)).scalar_one() == 1


async def test_asking_for_another_tenant_by_name_finds_nothing(
    two_tenants: Database, tables: EntityTables
) -> None:
    ticket = tables["ticket"]
    async with two_tenants.reading("ours") as connection:
        theirs = select(ticket).where(ticket.c.tenant_id == "theirs")
        assert (await connection.execute(theirs)).all() == []


async def test_every_entity_table_stands_behind_the_wall(
    two_tenants: Database, tables: EntityTables
) -> None:
    async with two_tenants.reading("nobody") as connection:
        for table in tables.values():
            assert (await connection.execute(select(table))).all() == []


async def test_without_a_tenant_nothing_is_seen(
    two_tenants: Database, tables: EntityTables
) -> None:
    async with two_tenants.reader.begin() as connection:
        assert (await connection.execute(select(tables["ticket"]))).all() == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO entity.ticket (tenant_id) VALUES ('ours')",
        "UPDATE entity.ticket SET subject = 'x'",
        "DELETE FROM entity.ticket",
        "TRUNCATE entity.ticket",
        "SELECT data FROM remit.record",  # raw records are not for answers
        "SELECT state FROM remit.stream_state",  # nor are cursors
        "SELECT raw FROM remit.rejected_record",
        "CREATE TABLE remit.mine ()",
        "CREATE TEMP TABLE mine ()",
        "ALTER TABLE entity.ticket DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_wall ON entity.ticket",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
async def test_the_query_role_cannot(two_tenants: Database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with two_tenants.reading("ours") as connection:
            await connection.execute(text(statement))
    # 42501 insufficient_privilege, 25006 read_only_sql_transaction
    assert getattr(caught.value.orig, "sqlstate", None) in {"42501", "25006"}


async def test_it_owns_nothing_and_cannot_bypass_the_wall(two_tenants: Database) -> None:
    async with two_tenants.reading("ours") as connection:
        role = (
            await connection.execute(
                text(
                    "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcanlogin FROM pg_roles"
                    " WHERE rolname = current_user"
                )
            )
        ).one()
        assert tuple(role) == (False, False, False, False)
        owned = text(
            "SELECT count(*) FROM pg_class JOIN pg_roles r ON r.oid = relowner"
            " WHERE r.rolname = 'remit_query'"
        )
        assert (await connection.execute(owned)).scalar_one() == 0

"""100 customers × 10 tickets × 3 comments over GraphQL, against the same in hand-written SQL.

Both go over the same driver to the same Postgres and give the same rows; the SQL has neither policy
nor parsing, validating or compiling before it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import text

from access_policies import Principal, Snapshot, load_policies
from api.limits import limits
from benchmarks.timing import Line, take_turns
from index.database import Database
from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.writer import register_source
from semantic_layer import Context, Model, resolve_customers
from semantic_layer.reader import Reader
from semantic_layer.schema import build_schema
from semantic_layer.splice import Question

CUSTOMERS, TICKETS, COMMENTS = 100, 20, 4
TENANT = "bench"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
_IDS = UUID("0d6f9a52-0000-5000-8000-000000000000")

QUERY = """
{ customers(first: 100) { nodes { name
    tickets(first: 10) { nodes { number subject status createdAt
      comments(first: 3) { nodes { body createdAt } } } } } } }
"""

HAND_WRITTEN = """
SELECT json_build_object('customers', json_build_object('nodes', json_agg(c.node)))::text
FROM (
  SELECT json_build_object('name', c.name, 'tickets', json_build_object('nodes', (
    SELECT coalesce(json_agg(t.node), '[]') FROM (
      SELECT json_build_object(
        'number', t.number, 'subject', t.subject, 'status', t.status, 'createdAt', t.created_at,
        'comments', json_build_object('nodes', (
          SELECT coalesce(json_agg(m.node), '[]') FROM (
            SELECT json_build_object('body', m.body, 'createdAt', m.created_at) AS node
            FROM entity.comment m
            WHERE m.tenant_id = 'bench' AND m.ticket_id = t.id AND m.deleted_at IS NULL
            ORDER BY m.created_at, m.id LIMIT 3
          ) m
        ))
      ) AS node
      FROM entity.ticket t JOIN remit.identity_link l
        ON l.tenant_id = 'bench' AND l.member_id = t.account_id
      WHERE t.tenant_id = 'bench' AND l.customer_id = c.id AND t.deleted_at IS NULL
      ORDER BY t.created_at DESC NULLS LAST, t.id LIMIT 10
    ) t
  ))) AS node
  FROM entity.customer c
  WHERE c.tenant_id = 'bench' AND c.deleted_at IS NULL
  ORDER BY c.name, c.id LIMIT 100
) c
"""


async def measure(database: Database, model: Model, policies: Path) -> list[Line]:
    """Fill the database and time both ways."""
    tables = EntityTables(model.specs)
    _fill(database, tables, model)
    schema = build_schema(model, extensions=limits())
    reader = Reader(database, model, tables)
    snapshot = Snapshot(load_policies(policies, model.specs, model.callers))
    principal = Principal.create(
        tenant=TENANT,
        user="maya",
        agent=None,
        purpose=None,
        user_attributes={"department": "support", "regions": ["EMEA"]},
        agent_attributes={},
        declared=model.callers,
    )

    async def graphql() -> bytes:
        context = Context(principal=principal, snapshot=snapshot, now=NOW)
        result = await schema.execute(QUERY, context_value=Question(reader, context))
        if result.errors:
            raise result.errors[0]
        return orjson.dumps(result.data)

    async def sql() -> bytes:
        async with database.reading(TENANT) as connection:
            return str((await connection.execute(text(HAND_WRITTEN))).scalar_one()).encode()

    if orjson.loads(await graphql()) != orjson.loads(await sql()):
        raise AssertionError("GraphQL and the hand-written SQL do not give the same answer")
    ours, reference = await take_turns([graphql, sql], runs=60)
    return [
        Line(
            what="nested GraphQL 100 × 10 × 3, p50",
            measured=f"{ours.p50 * 1000:.1f} ms, {ours.p50 / reference.p50:.2f} ×",
            reference=f"hand-written SQL {reference.p50 * 1000:.1f} ms",
            reach="≤ 1.7 ×",
        )
    ]


def _id(name: str) -> UUID:
    return uuid5(_IDS, name)


def _row(kind: str, key: str, /, **values: Any) -> dict[str, Any]:
    return {
        "tenant_id": TENANT,
        "id": _id(key),
        "source": "desk",
        "stream": kind,
        "remote_id": key,
        "synced_at": NOW,
        **values,
    }


def _fill(database: Database, tables: EntityTables, model: Model) -> None:
    accounts = [
        _row("account", f"a{n}", name=f"Company {n:03}", region="EMEA", domains=[f"c{n}.example"])
        for n in range(CUSTOMERS)
    ]
    tickets = [
        _row(
            "ticket",
            f"t{n}.{t}",
            number=f"{n}{t:03}",
            subject=f"Subject of ticket {t} of company {n}",
            status="OPEN",
            tags=["printer"],
            created_at=NOW - timedelta(minutes=n * 31 + t * 17),
            account_id=_id(f"a{n}"),
        )
        for n in range(CUSTOMERS)
        for t in range(TICKETS)
    ]
    comments = [
        _row(
            "comment",
            f"m{n}.{t}.{c}",
            body="It still does not print, whatever I try; please have a look again. " * 2,
            public=True,
            created_at=NOW - timedelta(minutes=c),
            ticket_id=_id(f"t{n}.{t}"),
        )
        for n in range(CUSTOMERS)
        for t in range(TICKETS)
        for c in range(COMMENTS)
    ]
    with database.writing() as connection:
        register_source(connection, TENANT, "desk", "zendesk")
        for entity, rows in (("account", accounts), ("ticket", tickets), ("comment", comments)):
            upsert_rows(connection, tables, entity, rows)
        resolve_customers(connection, tables, model, TENANT, None)
        connection.execute(text("ANALYZE"))

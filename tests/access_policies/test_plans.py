"""What a policy becomes in Postgres leaves the indexes usable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    Table,
    Text,
    create_engine,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from access_policies import Principal, Snapshot, read_policies
from index.predicate import to_sql
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW

_C = Text(collation="C")
TABLE = Table(
    "ticket",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    *[Column(name, _C) for name in ("title", "region", "status")],
    Column("priority", BigInteger),
    Column("urgent", Boolean),
    Column("due_at", DateTime(timezone=True)),
    Column("tags", ARRAY(_C)),
    prefixes=["TEMPORARY"],
)
for _column in (TABLE.c.title, TABLE.c.region, TABLE.c.priority, TABLE.c.urgent, TABLE.c.due_at):
    Index(f"ticket_{_column.name}", _column)


@pytest.fixture(scope="module")
def tickets(cluster: str) -> Iterator[Connection]:
    """Twenty thousand tickets, analysed."""
    engine = create_engine(cluster, connect_args={"connect_timeout": 10})
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(
            text(
                "INSERT INTO ticket SELECT n, 'Printer ' || n, 'r' || n % 500, 'open', n % 1000,"
                " n % 300 = 0, timestamptz '2026-01-01Z' + n * interval '1 day', '{a}'"
                " FROM generate_series(1, 20000) AS n"
            )
        )
        connection.execute(text("ANALYZE ticket"))
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("when", "index"),
    [
        # Equality with a constant, and a caller's list.
        ('ticket.region == "r7"', "ticket_region"),
        ('ticket.region in user.regions and ticket.status != "closed"', "ticket_region"),
        # A range, written either way round.
        ("ticket.priority < 5", "ticket_priority"),
        ("5 > ticket.priority", "ticket_priority"),
        # The moment of the request is a parameter.
        ("ticket.due_at < now", "ticket_due_at"),
        ("ticket.urgent", "ticket_urgent"),
        # A prefix, on a plain index, as the column has code-point order.
        ('startsWith(ticket.title, "Printer 777")', "ticket_title"),
        # Each side of an `or` has its own.
        ('ticket.region == "r7" or ticket.priority == 3', "ticket_priority"),
    ],
)
def test_a_rule_uses_an_index(when: str, index: str, tickets: Connection) -> None:
    policy = f"""
entity: ticket
rules:
  - {{id: some, effect: allow, when: '{when}'}}
  - {{id: not-these, effect: deny, when: '"secret" in ticket.tags'}}
"""
    snapshot = Snapshot(read_policies([("ticket.yaml", policy)], SPECS, CALLERS))
    ann = Principal.create(
        tenant="acme", user="ann", user_attributes={"regions": ["r1", "r2"]}, declared=CALLERS
    )
    rows = snapshot.visibility(ann, "ticket").rows
    query = select(TABLE.c.id).where(to_sql(rows, lambda path: TABLE.c[path[0]], NOW))

    compiled = query.compile(tickets)
    explained = tickets.exec_driver_sql(f"EXPLAIN {compiled}", dict(compiled.params))
    plan = "\n".join(explained.scalars())

    assert f"on {index}" in plan or f"using {index}" in plan, plan
    assert "Seq Scan" not in plan, plan

"""What a policy becomes in Postgres leaves the indexes usable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Index,
    MetaData,
    Table,
    Text,
    create_engine,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from access_policies import Principal, Snapshot, read_policies
from index.predicate import Place, filter_sql
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW

_C = Text(collation="C")
_METADATA = MetaData()
TICKET = Table(
    "ticket",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("customer_id", BigInteger),
    *[Column(name, _C) for name in ("title", "region", "status")],
    Column("priority", BigInteger),
    Column("urgent", Boolean),
    Column("due_at", DateTime(timezone=True)),
    Column("tags", ARRAY(_C)),
    prefixes=["TEMPORARY"],
)
for _name in ("customer_id", "title", "region", "priority", "urgent", "due_at"):
    Index(f"ticket_{_name}", TICKET.c[_name])
Index("ticket_tags", TICKET.c.tags, postgresql_using="gin")
CUSTOMER = Table(
    "customer",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("region", _C, index=True),
    prefixes=["TEMPORARY"],
)
COMMENT = Table(
    "comment",
    _METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("ticket_id", BigInteger, index=True),
    Column("internal", Boolean),
    Column("body", _C, index=True),
    prefixes=["TEMPORARY"],
)


class _Tables:
    """A table at its place of a statement; below a ticket are its comments."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.source: FromClause = table

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        if len(path) == 1:
            return self._table.c[path[0]]
        if self.source is self._table:
            joined = CUSTOMER.c.id == TICKET.c.customer_id
            self.source = self.source.outerjoin(CUSTOMER, joined)
        return CUSTOMER.c[path[-1]]

    def present(self, path: tuple[str, ...]) -> ColumnElement[bool]:
        return self.column((*path, "id")).is_not(None)

    def exists(
        self, path: tuple[str, ...], condition: Callable[[Place], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        assert path == ("comments",)
        rows = select(literal(1)).where(COMMENT.c.ticket_id == TICKET.c.id)
        return rows.where(condition(_Tables(COMMENT))).correlate(TICKET).exists()


@pytest.fixture(scope="module")
def tickets(cluster: str) -> Iterator[Connection]:
    """Twenty thousand tickets with a comment and a half each, analysed."""
    engine = create_engine(cluster, connect_args={"connect_timeout": 10})
    with engine.connect() as connection:
        _METADATA.create_all(connection)
        for statement in (
            "INSERT INTO customer SELECT n, 'c' || n % 500 FROM generate_series(1, 2000) AS n",
            "INSERT INTO ticket SELECT n, n % 2000, 'Printer ' || n, 'r' || n % 500, 'open',"
            " n % 1000, n % 300 = 0, timestamptz '2026-01-01Z' + n * interval '1 day',"
            " ARRAY['t' || n % 700] FROM generate_series(1, 20000) AS n",
            "INSERT INTO comment SELECT n, n % 20000, n % 1000 = 0, 'body ' || n"
            " FROM generate_series(1, 30000) AS n",
            "ANALYZE customer, ticket, comment",
        ):
            connection.execute(text(statement))
        yield connection
    engine.dispose()


def _plan(when: str, tickets: Connection) -> tuple[str, str]:
    """The condition as SQL of what a caller may see, and Postgres' plan for it."""
    policy = f"""
entity: ticket
rules:
  - {{id: some, effect: allow, when: '{when}'}}
  - {{id: not-these, effect: deny, when: '"secret" in ticket.tags'}}
"""
    snapshot = Snapshot(read_policies([("ticket.yaml", policy)], SPECS, CALLERS))
    ann = Principal.create(
        tenant="acme", user="ann", user_attributes={"regions": ["r1", "t2"]}, declared=CALLERS
    )
    place = _Tables(TICKET)
    condition = filter_sql(snapshot.visibility(ann, "ticket").rows, place, NOW)
    query = select(TICKET.c.id).select_from(place.source).where(condition)
    compiled = query.compile(tickets)
    explained = tickets.exec_driver_sql(f"EXPLAIN {compiled}", dict(compiled.params))
    return str(compiled), "\n".join(explained.scalars())


@pytest.mark.parametrize(
    ("when", "index"),
    [
        # Equality with a constant, and a caller's list.
        ('ticket.region == "r7"', "ticket_region"),
        ('ticket.region in user.regions and ticket.status != "closed"', "ticket_region"),
        # A pattern, with and without an open end.
        ('keyMatch(ticket.region, "r7")', "ticket_region"),
        ('keyMatch(ticket.title, "Printer 777*")', "ticket_title"),
        # A range, written either way round, and from both sides.
        ("ticket.priority < 5", "ticket_priority"),
        ("5 > ticket.priority", "ticket_priority"),
        ("not ticket.priority >= 5", "ticket_priority"),
        ("3 <= ticket.priority < 5", "ticket_priority"),
        # The moment of the request is a parameter, and so are days before it.
        ("ticket.due_at < now", "ticket_due_at"),
        ("daysAgo(9) < ticket.due_at < daysAhead(9)", "ticket_due_at"),
        ("ticket.urgent", "ticket_urgent"),
        # A prefix, on a plain index, as the column has code-point order.
        ('startsWith(ticket.title, "Printer 777")', "ticket_title"),
        # What is missing, or is not.
        ("ticket.region == null", "ticket_region"),
        ("not ticket.region != null", "ticket_region"),
        # An element of the row's list, and a list that shares one with it.
        ('"t7" in ticket.tags', "ticket_tags"),
        ('overlaps(ticket.tags, ["t7", "t8"])', "ticket_tags"),
        ("overlaps(user.regions, ticket.tags)", "ticket_tags"),
        # Behind a relation: the parents by their region, their tickets by the key.
        ('ticket.customer.region == "c7"', "customer_region"),
        ('ticket.customer.region == "c7"', "ticket_customer_id"),
        # Below a row: the comments by their text, their tickets by the key.
        ('any(ticket.comments, comment.body == "body 7")', "comment_body"),
        ('any(ticket.comments, comment.body == "body 7")', "ticket_pkey"),
        # No row below is so: with what else is asked, by the key of the rows below.
        ('ticket.region == "r7" and not any(ticket.comments, comment.internal)', "ticket_region"),
        ('ticket.region == "r7" and not any(ticket.comments, comment.internal)', "comment_ticket"),
        # Each side of an `or` has its own.
        ('ticket.region == "r7" or ticket.priority == 3', "ticket_priority"),
        ('ticket.region == "r7" or "t7" in ticket.tags', "ticket_tags"),
    ],
)
def test_a_rule_uses_an_index(when: str, index: str, tickets: Connection) -> None:
    _, plan = _plan(when, tickets)

    assert any(f"{word} {index}" in plan or f"{word} ix_{index}" in plan for word in _BY), plan
    assert "Seq Scan" not in plan, plan


_BY = ("on", "using")


@pytest.mark.parametrize(
    "when",
    [
        'ticket.region == "r7" or not ticket.urgent',
        "ticket.region == null and not ticket.title == null",
        "ticket.customer.region == null or ticket.customer.region in user.regions",
        "not (ticket.customer.region == null or ticket.priority < 5)",
        '"t7" in ticket.tags or overlaps(ticket.tags, user.regions)',
        'any(ticket.comments, not comment.internal or comment.body == "x")',
    ],
)
def test_nothing_is_wrapped_around_a_column(when: str, tickets: Connection) -> None:
    sql, _ = _plan(when, tickets)

    assert not [
        word for word in ("CASE", "COALESCE", "IS TRUE", "CAST(NULL") if word in sql.upper()
    ]

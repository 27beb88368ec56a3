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
    Numeric,
    Table,
    Text,
    Uuid,
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
    Column("score", Numeric),
    Column("account", Uuid),
    prefixes=["TEMPORARY"],
)
for _column in TICKET.c:
    if _column.name not in ("id", "tags"):
        Index(f"ticket_{_column.name}", _column)
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
            "INSERT INTO ticket SELECT n, n % 2000, 'Printer ' || n, 'r' || n % 500,"
            " CASE WHEN n % 500 = 0 THEN 'pending' ELSE 'open' END,"
            " n % 1000, n % 300 = 0, timestamptz '2026-01-01Z' + n * interval '1 day',"
            " ARRAY['t' || n % 700], n / 8.0, md5(n::text)::uuid"
            " FROM generate_series(1, 20000) AS n",
            "INSERT INTO comment SELECT n, n % 20000, n % 1000 = 0, 'body ' || n"
            " FROM generate_series(1, 30000) AS n",
            "ANALYZE customer, ticket, comment",
        ):
            connection.execute(text(statement))
        yield connection
    engine.dispose()


def _plan(tickets: Connection, *documents: str) -> tuple[str, str]:
    """What a caller may see, as SQL, and Postgres' plan for it."""
    named = [(f"{number}.yaml", document) for number, document in enumerate(documents)]
    snapshot = Snapshot(read_policies(named, SPECS, CALLERS))
    ann = Principal.create(
        tenant="acme",
        user="ann",
        agent="bot",
        purpose="support",
        user_attributes={"regions": ["r1", "t2", "c3"], "region": "t7", "level": 3},
        declared=CALLERS,
    )
    place = _Tables(TICKET)
    condition = filter_sql(snapshot.visibility(ann, "ticket").rows, place, NOW)
    query = select(TICKET.c.id).select_from(place.source).where(condition)
    compiled = query.compile(tickets)
    explained = tickets.exec_driver_sql(f"EXPLAIN {compiled}", dict(compiled.params))
    return str(compiled), "\n".join(explained.scalars())


def _rules(*rules: tuple[str, str]) -> str:
    """Rules of an effect, with whom it is for, and a condition."""
    lines = ["rules:"]
    for number, (effect, when) in enumerate(rules):
        lines.append(f"  - {{id: r{number}, effect: {effect}, when: '{when}'}}")
    return "\n".join(lines)


def _uses(index: str, plan: str) -> bool:
    names = (f"{word} {name}" for word in ("on", "using") for name in (index, f"ix_{index}"))
    return any(name in plan for name in names)


@pytest.mark.parametrize(
    ("when", "index"),
    [
        # Equality with a constant of each type, and with what the caller has.
        ('ticket.region == "r7"', "ticket_region"),
        ('ticket.status == "pending"', "ticket_status"),
        ("ticket.priority == 3", "ticket_priority"),
        ("ticket.score == 12.5", "ticket_score"),
        ('ticket.account == "1679091c-5a88-0faf-6fb5-e6087eb1b2dc"', "ticket_account"),
        ("ticket.urgent", "ticket_urgent"),
        ("user.level == ticket.priority", "ticket_priority"),
        # One of a list, written out or the caller's.
        ('ticket.region in ["r7", "r8"]', "ticket_region"),
        ("ticket.priority in [3, 5]", "ticket_priority"),
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
        ('ticket.due_at < "2026-01-05T00:00:00+02:00"', "ticket_due_at"),
        # A prefix, on a plain index, as the column has code-point order.
        ('startsWith(ticket.title, "Printer 777")', "ticket_title"),
        # What is missing, or is not.
        ("ticket.region == null", "ticket_region"),
        ("not ticket.region != null", "ticket_region"),
        # A text in the row's list, and a list that shares one with it.
        ('"t7" in ticket.tags', "ticket_tags"),
        ("user.region in ticket.tags", "ticket_tags"),
        ('overlaps(ticket.tags, ["t7", "t8"])', "ticket_tags"),
        ("overlaps(user.regions, ticket.tags)", "ticket_tags"),
        # Behind a relation: the parents by their region, their tickets by the key.
        ('ticket.customer.region == "c7"', "customer_region"),
        ('ticket.customer.region == "c7"', "ticket_customer_id"),
        ("ticket.customer.region in user.regions", "customer_region"),
        ('startsWith(ticket.customer.region, "c77")', "customer_region"),
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
    rules = _rules(("allow", when), ("deny", '"secret" in ticket.tags'))
    _, plan = _plan(tickets, f"entity: ticket\n{rules}")

    assert _uses(index, plan), plan
    assert "Seq Scan" not in plan, plan


_ALL = ("allow", "true")


@pytest.mark.parametrize(
    ("rules", "guard_rail", "index"),
    [
        # What is left by a deny rule: the opposite of its condition, also where that is unknown.
        ([_ALL, ("deny", 'ticket.region != "r7"')], [], "ticket_region"),
        ([_ALL, ("deny", "ticket.priority >= 5")], [], "ticket_priority"),
        ([_ALL, ("deny", "not ticket.due_at < now")], [], "ticket_due_at"),
        ([_ALL, ("deny", 'not startsWith(ticket.title, "Printer 777")')], [], "ticket_title"),
        ([_ALL, ("deny", "ticket.region not in user.regions")], [], "ticket_region"),
        ([_ALL, ("deny", "ticket.region != null")], [], "ticket_region"),
        ([_ALL, ("deny", '"t7" not in ticket.tags')], [], "ticket_tags"),
        ([_ALL, ("deny", "not overlaps(ticket.tags, user.regions)")], [], "ticket_tags"),
        ([_ALL, ("deny", 'ticket.customer.region != "c7"')], [], "customer_region"),
        ([_ALL, ("deny", 'not any(ticket.comments, comment.body == "body 7")')], [],
         "comment_body"),
        # Of two parts, one is enough.
        ([_ALL, ("deny", "ticket.urgent or ticket.priority >= 5")], [], "ticket_priority"),
        # A guard rail, and the sides of agents and purposes, which are joined to the user's.
        ([_ALL], [("deny", "ticket.priority >= 5")], "ticket_priority"),
        ([_ALL, ("allow, for: agent", "ticket.priority < 5")], [], "ticket_priority"),
        ([_ALL, ("deny, for: agent", "ticket.priority >= 5")], [], "ticket_priority"),
        ([_ALL, ("allow, for: purpose", 'ticket.region == "r7"')], [], "ticket_region"),
        # Several rules that allow.
        ([("allow", "ticket.priority == 3"), ("allow", '"t7" in ticket.tags')], [], "ticket_tags"),
        # What the caller decides leaves nothing of itself.
        ([("allow", 'user.level == 3 and ticket.region == "r7"')], [], "ticket_region"),
    ],
)  # fmt: skip
def test_rules_together_use_an_index(
    rules: list[tuple[str, str]],
    guard_rail: list[tuple[str, str]],
    index: str,
    tickets: Connection,
) -> None:
    documents = [f"entity: ticket\n{_rules(*rules)}"]
    if guard_rail:
        documents.append(f"guard_rail: ticket\n{_rules(*guard_rail)}")
    _, plan = _plan(tickets, *documents)

    assert _uses(index, plan), plan
    assert "Seq Scan" not in plan, plan


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
    sql, _ = _plan(tickets, f"entity: ticket\n{_rules(('allow', when))}")

    assert not [
        word for word in ("CASE", "COALESCE", "IS TRUE", "CAST(NULL") if word in sql.upper()
    ]

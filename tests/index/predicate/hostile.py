"""Rows that break careless translations, the same in Python and in Postgres.

Missing values everywhere, empty texts and lists, LIKE metacharacters, quotes, composed and
decomposed letters, both ends of `bigint`, list items that are null, tickets without a customer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    Uuid,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from index.predicate import to_sql
from index.predicate.nodes import Predicate
from index.specs import EntitySpec, FieldSpec, FieldType, RelationSpec

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

TEXTS = (
    "", " ", "emea", "EMEA", "emea-north", "apac", "north", "a_b", "axb", "100%", "100x", "\\", "'",
    "O'Hara", "\u00e9", "e\u0301", "日本", "🦊 fox", "a\nb", "null", "p.smith@x.io", "AT&&T",
    "a||b", "STOP!", "bob@acme.com", "bob@acme.com\n", "@acme.com", "user@@acme.com",
    "bob@münchen.de",
    "my pin is 1234@5678", "exactly8", "ninechars", "\u202eevil", "ﬁx", "İ",
)  # fmt: skip
STATUSES = ("open", "pending", "closed")
TIERS = ("free", "gold")
INTEGERS = (0, 1, 2, 3, -1, 2**63 - 1, -(2**63))
DECIMALS = tuple(map(Decimal, ("0", "-0.0", "0.1", "1.10", "1.1", "-5.5", "1E+20", "1E-20")))
TIMES = (
    NOW,
    NOW - timedelta(microseconds=1),
    NOW + timedelta(microseconds=1),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
)
IDS = (UUID(int=0), UUID(int=1), UUID(int=2**128 - 1))
LISTS: tuple[tuple[str | None, ...], ...] = (
    (),
    ("emea",),
    ("emea", None),
    (None,),
    ("", "apac"),
    ("a_b", "x,y", "{}", '"q"', "NULL", "\\"),
    ("bob@acme.com", "north"),
)
POOLS: Mapping[FieldType, Sequence[Any]] = {
    FieldType.TEXT: TEXTS,
    FieldType.INTEGER: INTEGERS,
    FieldType.DECIMAL: DECIMALS,
    FieldType.BOOLEAN: (True, False),
    FieldType.TIMESTAMP: TIMES,
    FieldType.ID: IDS,
    FieldType.TEXT_LIST: LISTS,
}


def _fields(**types: FieldType | tuple[str, ...]) -> dict[str, FieldSpec]:
    return {
        name: FieldSpec(name=name, type=FieldType.ENUM, values=type)
        if isinstance(type, tuple)
        else FieldSpec(name=name, type=type)
        for name, type in types.items()
    }


CUSTOMER = EntitySpec(
    name="customer",
    fields=_fields(
        region=FieldType.TEXT,
        tier=TIERS,
        employees=FieldType.INTEGER,
        contract=FieldType.DECIMAL,
        vip=FieldType.BOOLEAN,
        since=FieldType.TIMESTAMP,
        labels=FieldType.TEXT_LIST,
        account=FieldType.ID,
    ),
)
TICKET = EntitySpec(
    name="ticket",
    fields=_fields(
        title=FieldType.TEXT,
        requester_email=FieldType.TEXT,
        region=FieldType.TEXT,
        status=STATUSES,
        priority=FieldType.INTEGER,
        score=FieldType.DECIMAL,
        urgent=FieldType.BOOLEAN,
        created_at=FieldType.TIMESTAMP,
        due_at=FieldType.TIMESTAMP,
        tags=FieldType.TEXT_LIST,
        account=FieldType.ID,
        total=FieldType.MONEY,
    ),
    relations={
        "customer": RelationSpec(
            name="customer", target="customer", kind="one", column="customer_id"
        ),
        "comments": RelationSpec(
            name="comments", target="comment", kind="many", column="ticket_id"
        ),
    },
)
SPECS = {"ticket": TICKET, "customer": CUSTOMER}


def paths(*types: FieldType) -> list[tuple[str, ...]]:
    """Every attribute of those types that a rule on a ticket can read."""
    own = [(name,) for name, spec in TICKET.fields.items() if spec.type in types]
    far = [("customer", name) for name, spec in CUSTOMER.fields.items() if spec.type in types]
    return [*own, *far]


def _rows(spec: EntitySpec, count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Rows of random pool values, a fifth of them missing, after one row with nothing at all."""
    fields = [field for field in spec.fields.values() if field.type is not FieldType.MONEY]
    empty: dict[str, Any] = {field.name: None for field in fields}
    filled = [
        {
            field.name: None
            if chance.random() < 0.2
            else chance.choice(POOLS.get(field.type, field.values))
            for field in fields
        }
        for _ in range(count - 1)
    ]
    return [empty, *filled]


_chance = random.Random(20260301)  # noqa: S311 - the same rows in every run
CUSTOMERS = _rows(CUSTOMER, 20, _chance)
TICKETS = [
    {**row, "customer": _chance.choice([None, *CUSTOMERS])} for row in _rows(TICKET, 120, _chance)
]

_SQL_TYPES: Mapping[FieldType, Any] = {
    FieldType.TEXT: Text(collation="C"),
    FieldType.ENUM: Text(collation="C"),
    FieldType.INTEGER: BigInteger,
    FieldType.DECIMAL: Numeric,
    FieldType.BOOLEAN: Boolean,
    FieldType.TIMESTAMP: DateTime(timezone=True),
    FieldType.TEXT_LIST: ARRAY(Text(collation="C")),
    FieldType.ID: Uuid,
}


def _table(metadata: MetaData, spec: EntitySpec, *more: Column[Any]) -> Table:
    columns = [
        Column(field.name, _SQL_TYPES[field.type])
        for field in spec.fields.values()
        if field.type is not FieldType.MONEY
    ]
    return Table(
        spec.name,
        metadata,
        Column("id", Integer, primary_key=True),
        *more,
        *columns,
        prefixes=["TEMPORARY"],
    )


class HostileRows:
    """The rows in temporary tables: tickets, and customers that a LEFT JOIN adds to them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        metadata = MetaData()
        self.customer = _table(metadata, CUSTOMER)
        self.ticket = _table(metadata, TICKET, Column("customer_id", Integer))
        metadata.create_all(connection)
        connection.execute(
            self.customer.insert(),
            [{"id": number, **_storable(row)} for number, row in enumerate(CUSTOMERS)],
        )
        connection.execute(
            self.ticket.insert(),
            [
                {
                    "id": number,
                    "customer_id": None
                    if row["customer"] is None
                    else next(n for n, parent in enumerate(CUSTOMERS) if parent is row["customer"]),
                    **_storable(row),
                }
                for number, row in enumerate(TICKETS)
            ],
        )

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        """The column of an attribute, as a reader of the store would resolve it."""
        match path:
            case (name,):
                return self.ticket.c[name]
            case ("customer", name):
                return self.customer.c[name]
        raise KeyError(path)

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return select(self.ticket.c.id, *columns).select_from(self._joined)

    def truths(self, predicate: Predicate) -> dict[int, bool | None]:
        """The predicate's value of every row, in Postgres."""
        condition = to_sql(predicate, self.column, NOW).label("condition")
        return dict(self.connection.execute(self.select(condition)).tuples().all())

    def ids(self, predicate: Predicate) -> set[int]:
        """The rows that a filter on the predicate keeps."""
        condition = to_sql(predicate, self.column, NOW)
        return set(self.connection.scalars(self.select().where(condition)))

    @cached_property
    def _joined(self) -> Any:
        return self.ticket.outerjoin(self.customer, self.ticket.c.customer_id == self.customer.c.id)


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in row.items()
        if name != "customer"
    }

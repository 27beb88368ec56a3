"""Hostile rows, the same in memory and in Postgres: tickets with and without customers and owners
of customers, with no, some and many comments and invoices."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from index.predicate import Place, filter_sql, to_sql
from index.predicate.nodes import Predicate
from index.specs import EntitySpec, FieldSpec, FieldType
from tests.index.predicate.hostile_values import (
    COMMENT,
    CUSTOMER,
    DECIMALS,
    FLAG,
    IDS,
    INTEGERS,
    INVOICE,
    LISTS,
    MONEYS,
    NOW,
    PERSON,
    POOLS,
    REACTION,
    SPECS,
    STATUSES,
    TEXTS,
    TICKET,
    TIERS,
    TIMES,
    many_paths,
    paths,
)

__all__ = [
    "CUSTOMER",
    "DECIMALS",
    "IDS",
    "INTEGERS",
    "LISTS",
    "NOW",
    "SPECS",
    "STATUSES",
    "TEXTS",
    "TICKET",
    "TICKETS",
    "TIERS",
    "TIMES",
    "HostilePlace",
    "HostileRows",
    "MemoryRow",
    "World",
    "many_paths",
    "paths",
]

MemoryRow = dict[str, Any]

_chance = random.Random(20260301)  # noqa: S311 - the same rows in every run


def _rows(spec: EntitySpec, count: int) -> list[MemoryRow]:
    """Rows of random pool values, a fifth of them missing, after one row with nothing at all."""
    fields = [field for field in spec.fields.values() if field.type is not FieldType.MONEY]
    empty: MemoryRow = {field.name: None for field in fields}
    filled = [
        {
            field.name: None
            if _chance.random() < 0.2
            else _chance.choice(POOLS.get(field.type, field.values))
            for field in fields
        }
        for _ in range(count - 1)
    ]
    return [empty, *filled]


def _below(rows: Sequence[MemoryRow], relation: str, spec: EntitySpec, most: int) -> None:
    """Put up to `most` rows below each, and none below a third of them."""
    pool = _rows(spec, len(rows) * most)
    for row in rows:
        count = _chance.choice([0, *range(most + 1)])
        _chance.shuffle(pool)
        row[relation] = tuple(dict(each) for each in pool[:count])


@dataclass(frozen=True)
class World:
    """Tickets as predicates read them, and the people and customers that they lead to."""

    people: Sequence[MemoryRow]
    customers: Sequence[MemoryRow]
    tickets: Sequence[MemoryRow]


PEOPLE = _rows(PERSON, 8)
CUSTOMERS = [{**row, "owner": _chance.choice([None, *PEOPLE])} for row in _rows(CUSTOMER, 20)]
_below(CUSTOMERS, "invoices", INVOICE, 2)
TICKETS = [{**row, "customer": _chance.choice([None, *CUSTOMERS])} for row in _rows(TICKET, 120)]
_below(TICKETS, "comments", COMMENT, 3)
COMMENTS = [comment for ticket in TICKETS for comment in ticket["comments"]]
for _comment in COMMENTS:
    _comment["author"] = _chance.choice([None, *PEOPLE])
_below(COMMENTS, "reactions", REACTION, 2)
_below([each for comment in COMMENTS for each in comment["reactions"]], "flags", FLAG, 1)
for _ticket in TICKETS:
    _ticket["total"] = _chance.choice([None, *MONEYS])
WORLD = World(PEOPLE, CUSTOMERS, TICKETS)

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


class HostilePlace:
    """An entity at a place of a statement, with the joins that have been asked for."""

    def __init__(self, tables: Mapping[str, Table], entity: str) -> None:
        self._tables = tables
        self.table: FromClause = tables[entity].alias()
        self.source: FromClause = self.table
        self._ends: dict[tuple[str, ...], tuple[EntitySpec, FromClause]] = {
            (): (SPECS[entity], self.table)
        }

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        return self._end(path[:-1])[1].c[path[-1]]

    def present(self, path: tuple[str, ...]) -> ColumnElement[bool]:
        return self._end(path)[1].c.id.is_not(None)

    def exists(
        self, path: tuple[str, ...], condition: Callable[[Place], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        spec, near = self._end(path[:-1])
        relation = spec.relations[path[-1]]
        there = HostilePlace(self._tables, relation.target)
        holds = condition(there)
        rows = select(literal(1)).select_from(there.source)
        tied = there.table.c[relation.column] == near.c.id
        return rows.where(tied, holds).correlate(near).exists()

    def _end(self, path: tuple[str, ...]) -> tuple[EntitySpec, FromClause]:
        if path not in self._ends:
            spec, near = self._end(path[:-1])
            relation = spec.relations[path[-1]]
            far = self._tables[relation.target].alias()
            self.source = self.source.outerjoin(far, far.c.id == near.c[relation.column])
            self._ends[path] = (SPECS[relation.target], far)
        return self._ends[path]


class HostileRows:
    """The rows of a world in temporary tables; a ticket's id is its place among the tickets."""

    def __init__(self, connection: Connection, world: World = WORLD) -> None:
        self.connection = connection
        # Half an hour off, and across midnight from UTC for three of each day's hours.
        connection.execute(text("SET TIME ZONE 'America/St_Johns'"))
        metadata = MetaData()
        self._tables = {name: _table(metadata, spec) for name, spec in SPECS.items()}
        self.ticket = self._tables["ticket"]
        metadata.create_all(connection)
        for entity, rows in _stored(world).items():
            connection.execute(self._tables[entity].insert(), rows)

    def place(self) -> HostilePlace:
        """A new statement's tickets."""
        return HostilePlace(self._tables, "ticket")

    def truths(self, predicate: Predicate) -> dict[int, bool | None]:
        """The predicate's value of every ticket, in Postgres."""
        place = self.place()
        condition = to_sql(predicate, place, NOW).label("condition")
        found = select(place.table.c.id, condition).select_from(place.source)
        return dict(self.connection.execute(found).tuples().all())

    def ids(self, predicate: Predicate) -> set[int]:
        """The tickets that a filter on the predicate keeps."""
        place = self.place()
        condition = filter_sql(predicate, place, NOW)
        kept = select(place.table.c.id).select_from(place.source).where(condition)
        return set(self.connection.scalars(kept))


def _table(metadata: MetaData, spec: EntitySpec) -> Table:
    fields = [column for field in spec.fields.values() for column in _columns(field)]
    relations = [relation for each in SPECS.values() for relation in each.relations.values()]
    parents = {
        each.column for each in relations if each.kind == "many" and each.target == spec.name
    }
    parents |= {each.column for each in spec.relations.values() if each.kind == "one"}
    keys = [Column(name, Integer, index=True) for name in sorted(parents)]
    key = Column("id", Integer, primary_key=True)
    return Table(spec.name, metadata, key, *keys, *fields, prefixes=["TEMPORARY"])


def _columns(field: FieldSpec) -> list[Column[Any]]:
    if field.type is FieldType.MONEY:
        currency = Column(f"{field.name}_currency", Text)
        return [Column(f"{field.name}_minor", BigInteger), currency]
    return [Column(field.name, _SQL_TYPES[field.type])]


def _stored(world: World) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table."""
    customers, tickets = world.customers, world.tickets
    stored = {"person": [_own(PERSON, row, at) for at, row in enumerate(world.people)]}
    stored["customer"] = [
        _own(CUSTOMER, row, at, owner_id=_place(world.people, row["owner"]))
        for at, row in enumerate(customers)
    ]
    stored["ticket"] = [
        _own(TICKET, row, at, customer_id=_place(customers, row["customer"]))
        for at, row in enumerate(tickets)
    ]
    comments = [(at, row) for at, ticket in enumerate(tickets) for row in ticket["comments"]]
    stored["comment"] = [
        _own(COMMENT, row, at, ticket_id=ticket, author_id=_place(world.people, row["author"]))
        for at, (ticket, row) in enumerate(comments)
    ]
    reactions = [(at, row) for at, (_, each) in enumerate(comments) for row in each["reactions"]]
    stored["reaction"] = [
        _own(REACTION, row, at, comment_id=comment) for at, (comment, row) in enumerate(reactions)
    ]
    flags = [(at, row) for at, (_, each) in enumerate(reactions) for row in each["flags"]]
    stored["flag"] = [
        _own(FLAG, row, at, reaction_id=reaction) for at, (reaction, row) in enumerate(flags)
    ]
    invoices = [(at, row) for at, each in enumerate(customers) for row in each["invoices"]]
    stored["invoice"] = [
        _own(INVOICE, row, at, customer_id=customer) for at, (customer, row) in enumerate(invoices)
    ]
    return stored


def _place(rows: Sequence[MemoryRow], wanted: MemoryRow | None) -> int | None:
    return next((at for at, row in enumerate(rows) if row is wanted), None)


def _own(spec: EntitySpec, row: MemoryRow, id: int, **keys: int | None) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in spec.fields.items():
        value = row.get(name)
        if field.type is FieldType.MONEY:
            values[f"{name}_minor"], values[f"{name}_currency"] = value or (None, None)
        else:
            values[name] = list(value) if isinstance(value, tuple) else value
    return {"id": id, **keys, **values}

"""The values and the model of the hostile rows: what breaks careless translations.

Missing values everywhere, empty texts and lists, LIKE metacharacters, quotes, composed and
decomposed letters, both ends of `bigint`, list items that are null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

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
MONEYS = tuple(
    (minor, currency)
    for minor in (0, 1, -1, 1_234_567, 2**63 - 1)
    for currency in ("EUR", "JPY", "KWD", "CLF")
)
"""Minor units, of which one main unit has a hundred, one, a thousand or ten thousand."""

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


def _one(name: str, target: str) -> dict[str, RelationSpec]:
    return {name: RelationSpec(name=name, target=target, kind="one", column=f"{name}_id")}


def _many(name: str, target: str, owner: str) -> dict[str, RelationSpec]:
    return {name: RelationSpec(name=name, target=target, kind="many", column=f"{owner}_id")}


PERSON = EntitySpec(
    name="person",
    fields=_fields(
        name=FieldType.TEXT,
        team=FieldType.TEXT,
        level=FieldType.INTEGER,
        lead=FieldType.BOOLEAN,
        skills=FieldType.TEXT_LIST,
    ),
)
INVOICE = EntitySpec(
    name="invoice",
    fields=_fields(
        number=FieldType.TEXT,
        state=("draft", "paid", "void"),
        amount=FieldType.DECIMAL,
        due_at=FieldType.TIMESTAMP,
    ),
)
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
    relations={**_one("owner", "person"), **_many("invoices", "invoice", "customer")},
)
FLAG = EntitySpec(name="flag", fields=_fields(reason=FieldType.TEXT))
REACTION = EntitySpec(
    name="reaction",
    fields=_fields(kind=FieldType.TEXT, weight=FieldType.INTEGER),
    relations=_many("flags", "flag", "reaction"),
)
COMMENT = EntitySpec(
    name="comment",
    fields=_fields(
        body=FieldType.TEXT,
        internal=FieldType.BOOLEAN,
        rating=FieldType.INTEGER,
        written_at=FieldType.TIMESTAMP,
        labels=FieldType.TEXT_LIST,
    ),
    relations={**_one("author", "person"), **_many("reactions", "reaction", "comment")},
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
    relations={**_one("customer", "customer"), **_many("comments", "comment", "ticket")},
)
SPECS = {spec.name: spec for spec in (PERSON, INVOICE, CUSTOMER, FLAG, REACTION, COMMENT, TICKET)}


def paths(*types: FieldType, entity: str = "ticket") -> list[tuple[str, ...]]:
    """Every attribute of those types that a rule on the entity can read, however far away."""
    return [
        (*path, name)
        for path, spec in _ends(SPECS[entity])
        for name, field in spec.fields.items()
        if field.type in types
    ]


def many_paths(entity: str = "ticket") -> list[tuple[tuple[str, ...], str]]:
    """Every path to many rows that a rule on the entity can look at, with what they are."""
    return [
        ((*path, relation.name), relation.target)
        for path, spec in _ends(SPECS[entity])
        for relation in spec.relations.values()
        if relation.kind == "many"
    ]


def _ends(spec: EntitySpec) -> Iterator[tuple[tuple[str, ...], EntitySpec]]:
    yield (), spec
    for relation in spec.relations.values():
        if relation.kind == "one":
            for path, end in _ends(SPECS[relation.target]):
                yield (relation.name, *path), end

"""Whom an erasure is about: everyone who has an address, or one row alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from index.errors import InvalidRequest
from index.tables import erased_row
from ingestion.erasure.tenant_rows import HeldRow, TenantRows

PEOPLE = ("contact", "user")
"""The entities whose rows are persons."""

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True)
class Person:
    """The rows that go, and the address by which others may name them."""

    rows: Sequence[HeldRow]
    address: str | None
    others: Sequence[HeldRow] = ()  # who have the address as well, and stay


def find_person(held: TenantRows, subject: str) -> Person:
    """Who is named: by an e-mail address all who have it, by `contact:ID` or `user:ID` that row.

    Raises InvalidRequest when it is neither, or when there is no such row and never was one that
    has been erased.
    """
    subject = subject.strip()
    if _ADDRESS.fullmatch(subject) is not None:
        return Person(_who_have(held, subject.lower()), subject.lower())
    entity, _, rest = subject.partition(":")
    identity = _as_id(rest)
    if identity is None or entity not in held.named(PEOPLE):
        raise InvalidRequest(
            "Name the person by a whole e-mail address, which stands for all who have it; or name"
            " one row, as contact:ID or user:ID, which stands for itself alone."
        )
    rows = held.having(entity, held.tables[entity].c.id == identity)
    if not rows and not _was_erased(held, identity):
        raise InvalidRequest(
            f"There is no {entity} row of the id {identity}. Look for the row with `remit erase"
            " ADDRESS --dry-run`, which lists all that have the address."
        )
    address = _address_of(held, entity, identity)
    others = _who_have(held, address) if address is not None else []
    return Person(rows, address, [row for row in others if row not in rows])


def _who_have(held: TenantRows, address: str) -> list[HeldRow]:
    return [
        row
        for entity, table in held.named(PEOPLE).items()
        for row in held.having(entity, func.lower(table.c.email) == address)
    ]


def _address_of(held: TenantRows, entity: str, identity: UUID) -> str | None:
    table = held.tables[entity]
    mine = (table.c.tenant_id == held.tenant, table.c.id == identity)
    address = held.connection.execute(select(func.lower(table.c.email)).where(*mine)).scalar()
    # What a source has in place of an address, such as "none", stands for nobody.
    return address if address is not None and _ADDRESS.fullmatch(address) else None


def _was_erased(held: TenantRows, identity: UUID) -> bool:
    mine = (erased_row.c.tenant_id == held.tenant, erased_row.c.row_id == identity)
    return held.connection.execute(select(erased_row.c.row_id).where(*mine)).first() is not None


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

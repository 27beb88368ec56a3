"""Which accounts of the different systems are the same customer.

Two accounts belong together when they share an external id or a company domain; a free-mail domain
is evidence of nothing. A customer is a connected group of accounts, and follows from the accounts
alone: the same accounts give the same customers with the same ids, whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import Connection, Select, Text, cast, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.specs import FieldType
from index.tables import identity_link, source
from semantic_layer.model import Entity, Model

_Account = dict[str, Any]  # an account's row, with its source's `connector`

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


@dataclass(frozen=True)
class _Key:
    """Something that accounts of one customer share."""

    rule: str  # "external_id" or "domain"
    value: str


def resolve_customers(
    connection: Connection,
    tables: EntityTables,
    model: Model,
    tenant: str,
    changed: Collection[UUID] | None,
) -> int:
    """Bring identity links and customer rows up to date; returns how many customers were written.

    `changed` names the accounts that may have changed: only customers they were, are or become part
    of are looked at. None looks at all accounts of the tenant.

    Only one transaction of a tenant does so at a time: two that each see only their own new account
    would both make a customer of it, and never find out that it is the same one.
    """
    connection.execute(_LOCK, {"name": f"remit.customers/{tenant}"})
    customer = next(entity for entity in model.entities.values() if entity.resolved_from)
    accounts = tables[customer.resolved_from or ""]
    if changed is None:
        members = _load(connection, _accounts(accounts, tenant))
        touched = None
    else:
        members = _closure(connection, accounts, tenant, changed)
        touched = {row["id"] for row in members} | set(changed)
    groups = _groups([row for row in members if row["deleted_at"] is None])
    links, rows = [], []
    for group in groups:
        ranked = sorted(group, key=lambda row: _rank(customer, row))
        customer_id = uuid5(ranked[0]["id"], "customer")
        rows.append(_golden(customer, customer_id, ranked))
        links += [(row["id"], customer_id, _evidence(row, group)) for row in ranked]
    _write_links(connection, tenant, links, touched)
    return _write_customers(connection, tables, customer, tenant, rows)


def _accounts(accounts: Any, tenant: str) -> Select[Any]:
    connector = (
        select(source.c.connector)
        .where(source.c.tenant_id == accounts.c.tenant_id, source.c.name == accounts.c.source)
        .scalar_subquery()
        .label("connector")
    )
    return select(accounts, connector).where(accounts.c.tenant_id == tenant)


def _load(connection: Connection, query: Select[Any]) -> list[_Account]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _closure(
    connection: Connection, accounts: Any, tenant: str, changed: Collection[UUID]
) -> list[_Account]:
    """The changed accounts and all that share a customer or a key with one, transitively."""
    everyone = _accounts(accounts, tenant)
    linked = select(identity_link.c.member_id).where(identity_link.c.tenant_id == tenant)
    reach: set[UUID] = set(changed)
    keys: set[_Key] = set()
    while True:
        companions = linked.where(
            identity_link.c.customer_id.in_(
                select(identity_link.c.customer_id).where(
                    identity_link.c.tenant_id == tenant, identity_link.c.member_id.in_(reach)
                )
            )
        )
        rows = _load(
            connection,
            everyone.where(
                or_(
                    accounts.c.id.in_(reach),
                    accounts.c.id.in_(companions),
                    _overlaps(accounts.c.domains, keys, "domain"),
                    _overlaps(accounts.c.external_ids, keys, "external_id"),
                )
            ),
        )
        found = {row["id"] for row in rows}
        shared = {key for row in rows if row["deleted_at"] is None for key in _keys(row)}
        if found <= reach and shared <= keys:
            return rows
        reach |= found
        keys |= shared


def _overlaps(column: Any, keys: Iterable[_Key], rule: str) -> Any:
    values = sorted(key.value for key in keys if key.rule == rule)
    return func.coalesce(column, cast([], ARRAY(Text))).overlap(cast(values, ARRAY(Text)))


def _keys(row: _Account) -> set[_Key]:
    domains = {_Key("domain", domain) for domain in row["domains"] or () if _is_company(domain)}
    return domains | {_Key("external_id", value) for value in row["external_ids"] or () if value}


def _is_company(domain: str) -> bool:
    return bool(domain) and domain not in _free_mail()


@cache
def _free_mail() -> frozenset[str]:
    lines = (Path(__file__).parent / "free_mail.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line and not line.startswith("#"))


def _groups(members: Sequence[_Account]) -> list[list[_Account]]:
    """Connected components over shared keys (union-find with path halving)."""
    parent = {row["id"]: row["id"] for row in members}

    def root(member: UUID) -> UUID:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    first: dict[_Key, UUID] = {}
    for row in members:
        for key in _keys(row):
            parent[root(row["id"])] = root(first.setdefault(key, row["id"]))
    groups: dict[UUID, list[_Account]] = {}
    for row in members:
        groups.setdefault(root(row["id"]), []).append(row)
    return list(groups.values())


def _rank(customer: Entity, row: _Account) -> tuple[int, datetime, str]:
    """The most trusted system first, then the oldest account: the first is the anchor."""
    order = customer.precedence
    trust = order.index(row["connector"]) if row["connector"] in order else len(order)
    return (trust, row["created_at"] or _BEGINNING, str(row["id"]))


def _evidence(row: _Account, group: Sequence[_Account]) -> list[dict[str, str]]:
    others = {key for other in group if other["id"] != row["id"] for key in _keys(other)}
    shared = sorted(_keys(row) & others, key=lambda key: (key.rule, key.value))
    return [{"rule": key.rule, "value": key.value} for key in shared]


def _golden(customer: Entity, customer_id: UUID, ranked: Sequence[_Account]) -> dict[str, Any]:
    """The customer's row: each field from the most trusted account that has it, lists united."""
    anchor = ranked[0]
    row: dict[str, Any] = {
        "tenant_id": anchor["tenant_id"],
        "id": customer_id,
        "source": anchor["source"],
        "stream": anchor["stream"],
        "remote_id": anchor["remote_id"],
        "remote_url": anchor["remote_url"],
        "synced_at": max(member["synced_at"] for member in ranked),
        "live_at": anchor["live_at"],
    }
    for name, spec in customer.spec.fields.items():
        values = [member[name] for member in ranked if member[name] not in (None, "")]
        if spec.type is FieldType.TEXT_LIST:
            row[name] = sorted({item for value in values for item in value})
        elif name == "created_at":
            row[name] = min(values, default=None)
        elif name == "updated_at":
            row[name] = max(values, default=None)
        else:
            row[name] = values[0] if values else None
    return row


def _write_links(
    connection: Connection,
    tenant: str,
    links: Sequence[tuple[UUID, UUID, list[dict[str, str]]]],
    touched: Collection[UUID] | None,
) -> None:
    obsolete = delete(identity_link).where(
        identity_link.c.tenant_id == tenant,
        identity_link.c.member_id.not_in([member for member, _, _ in links]),
    )
    if touched is not None:
        obsolete = obsolete.where(identity_link.c.member_id.in_(touched))
    connection.execute(obsolete)
    payload = [
        {"member_id": member, "customer_id": customer_id, "evidence": evidence}
        for member, customer_id, evidence in links
    ]
    connection.execute(
        text(
            """
            INSERT INTO remit.identity_link AS held (tenant_id, member_id, customer_id, evidence)
            SELECT :tenant, member_id, customer_id, evidence
            FROM json_to_recordset(CAST(:links AS json))
                AS r(member_id uuid, customer_id uuid, evidence jsonb)
            ON CONFLICT (tenant_id, member_id) DO UPDATE
                SET customer_id = excluded.customer_id, evidence = excluded.evidence,
                    linked_at = now()
                WHERE (held.customer_id, held.evidence)
                    IS DISTINCT FROM (excluded.customer_id, excluded.evidence)
            """
        ),
        {"tenant": tenant, "links": orjson.dumps(payload).decode()},
    )


def _write_customers(
    connection: Connection,
    tables: EntityTables,
    customer: Entity,
    tenant: str,
    rows: Sequence[dict[str, Any]],
) -> int:
    table = tables[customer.name]
    held = {
        row["id"]: dict(row)
        for row in connection.execute(
            select(table).where(
                table.c.tenant_id == tenant, table.c.id.in_([row["id"] for row in rows])
            )
        ).mappings()
    }
    fresh = [row for row in rows if not row.items() <= held.get(row["id"], {}).items()]
    upsert_rows(connection, tables, customer.name, fresh)
    # A customer is made of its accounts: without any left it is no customer.
    orphaned = ~(
        select(identity_link.c.member_id)
        .where(identity_link.c.tenant_id == tenant, identity_link.c.customer_id == table.c.id)
        .exists()
    )
    connection.execute(delete(table).where(table.c.tenant_id == tenant, orphaned))
    return len(fresh)

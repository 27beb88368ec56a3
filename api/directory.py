"""The directory: what policies may ask about users and agents.

users:
  maya: {department: support, regions: [EMEA]}
agents:
  helpdesk-bot: {vendor: acme}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    ARRAY,
    Connection,
    Text,
    any_,
    bindparam,
    column,
    delete,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert

from access_policies import Principal
from api.directory_file import Attributes, Kind, People, read_people
from index.specs import CallerAttributes
from index.tables import directory, tenant

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_AT_ONCE = 5_000  # people a statement

_canonical = json.JSONEncoder(sort_keys=True).encode


@dataclass(frozen=True)
class Directory:
    """The attributes of users and of agents, by name; kept out of `repr`, and so out of logs."""

    users: People = field(repr=False)
    agents: People = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What makes the people of one kind those of a file, by name and in order."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


class UnknownTenantError(LookupError):
    """The request names a tenant that is not here."""


def load_directory(path: Path, callers: CallerAttributes) -> Directory:
    """Read a directory file. Raises ConfigurationError for an attribute that the model does not
    declare or that has the wrong type, since a rule that reads it would silently never apply."""
    people = read_people(path, callers)
    return Directory(users=people.get("user", {}), agents=people.get("agent", {}))


def save_directory(connection: Connection, tenant_id: str, people: Directory) -> None:
    """Put the tenant and its people into the database; somebody who is there gets the new
    attributes in place of the old."""
    lock_directory(connection, tenant_id)
    save_people(connection, tenant_id, "user", people.users)
    save_people(connection, tenant_id, "agent", people.agents)


def lock_directory(connection: Connection, tenant_id: str) -> bool:
    """Make sure that there is the tenant, and let nobody else change its people until the
    transaction ends; returns whether the tenant is new."""
    row = insert(tenant).values(tenant_id=tenant_id).on_conflict_do_nothing()
    new = connection.execute(row.returning(tenant.c.tenant_id)).first() is not None
    itself = select(tenant.c.tenant_id).where(tenant.c.tenant_id == tenant_id)
    connection.execute(itself.with_for_update(key_share=True))
    return new


def save_people(
    connection: Connection,
    tenant_id: str,
    kind: Kind,
    people: People,
    *,
    replace: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Changes:
    """Give people the attributes of a file, under `lock_directory`; says what that changed.

    With `replace`, whoever is not in the file is removed. A `dry_run` changes nothing and needs no
    lock. `progress` hears how many of how many people are written.
    """
    held = listed(connection, tenant_id, kind)
    same = {name for name in people.keys() & held.keys() if _equal(people[name], held[name])}
    changes = Changes(
        added=tuple(sorted(people.keys() - held.keys())),
        changed=tuple(sorted((people.keys() & held.keys()) - same)),
        removed=tuple(sorted(held.keys() - people.keys())) if replace else (),
        unchanged=len(same),
    )
    if dry_run:
        return changes
    written = changes.added + changes.changed
    for start in range(0, len(written), _AT_ONCE):
        names = written[start : start + _AT_ONCE]
        rows = [{"name": name, "attributes": dict(people[name])} for name in names]
        connection.execute(_UPSERT, {"tenant_id": tenant_id, "kind": kind, "rows": rows})
        if progress is not None:
            progress(start + len(names), len(written))
    if changes.removed:
        theirs = (directory.c.tenant_id == tenant_id) & (directory.c.kind == kind)
        gone = directory.c.name == any_(literal(list(changes.removed), ARRAY(Text)))
        connection.execute(delete(directory).where(theirs, gone))
    return changes


def listed(
    connection: Connection, tenant_id: str, kind: Kind, name: str | None = None
) -> dict[str, Attributes]:
    """The people of a kind with their attributes, by name in order; only one where named."""
    query = (
        select(directory.c.name, directory.c.attributes)
        .where(directory.c.tenant_id == tenant_id, directory.c.kind == kind)
        .order_by(directory.c.name)
    )
    if name is not None:
        query = query.where(directory.c.name == name)
    return dict(connection.execute(query).tuples().all())


async def find_principal(
    connection: AsyncConnection,
    declared: CallerAttributes,
    *,
    tenant_id: str,
    user: str | None,
    agent: str | None = None,
    purpose: str | None = None,
    scopes: frozenset[str] | None = None,
) -> Principal:
    """Who asks, with the attributes that the directory has of them at this moment; one round trip.

    Somebody who is not in it has no attributes, and so sees only what a rule gives to everybody.
    Raises UnknownTenantError.
    """
    people = (
        select(directory.c.kind, directory.c.attributes)
        .where(directory.c.tenant_id == tenant_id)
        .where(
            ((directory.c.kind == "user") & (directory.c.name == user))
            | ((directory.c.kind == "agent") & (directory.c.name == agent))
        )
    )
    itself = select(literal("tenant"), literal(None, directory.c.attributes.type)).where(
        select(tenant.c.tenant_id).where(tenant.c.tenant_id == tenant_id).exists()
    )
    rows = await connection.execute(itself.union_all(people))
    found: dict[str, Attributes] = dict(rows.tuples().all())
    if "tenant" not in found:
        raise UnknownTenantError(tenant_id)
    return Principal.create(
        tenant=tenant_id,
        user=user,
        agent=agent,
        purpose=purpose,
        user_attributes=found.get("user"),
        agent_attributes=found.get("agent"),
        declared=declared,
        scopes=scopes,
    )


def _upsert() -> Insert:
    """One statement for all rows of a batch, as one JSON parameter."""
    given = (
        func.jsonb_to_recordset(bindparam("rows", type_=JSONB))
        .table_valued(column("name", Text), column("attributes", JSONB))
        .render_derived(with_types=True)
    )
    whose = (bindparam("tenant_id", type_=Text), bindparam("kind", type_=Text))
    statement = insert(directory).from_select(
        ["tenant_id", "kind", "name", "attributes"],
        select(*whose, given.c.name, given.c.attributes),
    )
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "kind", "name"],
        set_={"attributes": statement.excluded.attributes},
    )


_UPSERT = _upsert()


def _equal(one: Attributes, other: Attributes) -> bool:
    """Whether they are the same as JSON, where true is not 1 as it is in Python."""
    return one == other and _canonical(one) == _canonical(other)

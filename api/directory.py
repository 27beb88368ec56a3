"""The directory: what policies may ask about users and agents.

users:
  maya: {department: support, regions: [EMEA]}
agents:
  helpdesk-bot: {vendor: acme}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, literal, select
from sqlalchemy.dialects.postgresql import insert

from access_policies import Principal
from index.database import Database
from index.errors import ConfigurationError
from index.predicate import InvalidValue, coerce
from index.specs import CallerAttributes
from index.tables import directory, tenant

Attributes = Mapping[str, object]


@dataclass(frozen=True)
class Directory:
    """The attributes of users and of agents, by name; kept out of `repr`, and so out of logs."""

    users: Mapping[str, Attributes] = field(repr=False)
    agents: Mapping[str, Attributes] = field(repr=False)


class UnknownTenantError(LookupError):
    """The request names a tenant that is not here."""


class _DirectoryFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    users: dict[str, dict[str, Any]] = Field(default_factory=dict)
    agents: dict[str, dict[str, Any]] = Field(default_factory=dict)


def load_directory(path: Path, callers: CallerAttributes) -> Directory:
    """Read a directory file. Raises ConfigurationError for an attribute that the model does not
    declare or that has the wrong type, since a rule that reads it would silently never apply."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        file = _DirectoryFile.model_validate(content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: this is not valid YAML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{path}: expected `users` and `agents`, each with attributes by name."
        ) from error
    for kind, people in (("user", file.users), ("agent", file.agents)):
        for name, attributes in people.items():
            _check(f"{path}: {kind} {name!r}", attributes, callers.get(kind, {}))
    return Directory(users=file.users, agents=file.agents)


def save_directory(connection: Connection, tenant_id: str, people: Directory) -> None:
    """Put the tenant and its people into the database; somebody who is there gets the new
    attributes in place of the old."""
    connection.execute(insert(tenant).values(tenant_id=tenant_id).on_conflict_do_nothing())
    rows = [
        {"tenant_id": tenant_id, "kind": kind, "name": name, "attributes": dict(attributes)}
        for kind, named in (("user", people.users), ("agent", people.agents))
        for name, attributes in named.items()
    ]
    if rows:
        statement = insert(directory).values(rows)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "kind", "name"],
                set_={"attributes": statement.excluded.attributes},
            )
        )


async def find_principal(
    database: Database,
    declared: CallerAttributes,
    *,
    tenant_id: str,
    user: str,
    agent: str | None = None,
    purpose: str | None = None,
) -> Principal:
    """Who asks, with the attributes that the directory has of them at this moment.

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
    async with database.reading(tenant_id) as connection:
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
    )


def _check(place: str, attributes: Attributes, declared: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise ConfigurationError(f"{place}: there is no attribute {name!r}; declared: {known}.")
        try:
            coerce(declared[name], value)
        except InvalidValue as error:
            raise ConfigurationError(f"{place}, {name}: {error}") from error

"""The sealed secrets of a tenant, as the database keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from index.errors import InvalidRequest
from index.tables import secret, tenant
from ingestion.workspace.sealing import Seal

LONGEST = 65_536  # letters of a secret: no key or token comes near

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True)
class SealedSecret:
    """A secret as it lies there; what it is takes the key."""

    name: str
    sealed: str = field(repr=False)
    set_at: datetime


def is_secret_name(name: str) -> bool:
    """Whether a secret can be called so."""
    return _NAME.fullmatch(name) is not None


def set_secret(connection: Connection, seal: Seal, tenant_id: str, name: str, text: str) -> bool:
    """Seal and keep a secret; returns whether the name is new.

    Raises InvalidRequest for a name or a text that cannot be used, without the text.
    """
    if not is_secret_name(name):
        raise InvalidRequest("A secret's name is made of letters, digits, `.`, `_` and `-`.")
    if not text.strip():
        raise InvalidRequest(f"The secret {name!r} would be empty; nothing was changed.")
    if len(text) > LONGEST:
        raise InvalidRequest(f"The secret {name!r} is longer than {LONGEST:,} letters.")
    if "\x00" in text:
        raise InvalidRequest(f"The secret {name!r} holds a NUL character, so it is no text.")
    connection.execute(insert(tenant).values(tenant_id=tenant_id).on_conflict_do_nothing())
    known = name in sealed_secrets(connection, tenant_id)
    new = {"sealed": seal.seal(text, tenant_id, name), "created_at": datetime.now(UTC)}
    connection.execute(
        insert(secret)
        .values(tenant_id=tenant_id, name=name, **new)
        .on_conflict_do_update(index_elements=["tenant_id", "name"], set_=new)
    )
    return not known


def sealed_secrets(connection: Connection, tenant_id: str) -> Mapping[str, SealedSecret]:
    """The tenant's secrets, sealed, by name in order."""
    rows = connection.execute(
        select(secret.c.name, secret.c.sealed, secret.c.created_at)
        .where(secret.c.tenant_id == tenant_id)
        .order_by(secret.c.name)
    )
    return {row.name: SealedSecret(row.name, row.sealed, row.created_at) for row in rows}


def remove_secret(connection: Connection, tenant_id: str, name: str) -> bool:
    """Remove a secret; False when there was none."""
    mine = (secret.c.tenant_id == tenant_id) & (secret.c.name == name)
    return bool(connection.execute(delete(secret).where(mine)).rowcount)


def reseal(connection: Connection, seal: Seal, tenant_id: str) -> int:
    """Seal with the first key what another one sealed; returns how many that were.

    Raises CannotUnseal when a key is missing, and then changes nothing.
    """
    old = [
        held
        for held in sealed_secrets(connection, tenant_id).values()
        if not seal.is_current(held.sealed)
    ]
    for held in old:
        anew = seal.seal(seal.unseal(held.sealed, tenant_id, held.name), tenant_id, held.name)
        # One that was set anew meanwhile is sealed with the first key already.
        mine = (secret.c.tenant_id == tenant_id) & (secret.c.name == held.name)
        connection.execute(
            update(secret).where(mine, secret.c.sealed == held.sealed).values(sealed=anew)
        )
    return len(old)

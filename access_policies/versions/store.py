"""Versions of a tenant's policies, and which one is in force.

A version never changes: its number names the same documents for ever. What moves is one pointer a
tenant, read at the start of each request, so that a publish counts from the next request on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, Label, RowMapping, Select, Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from access_policies.versions.history import (
    NOTHING,
    Move,
    UnknownVersion,
    note,
    require,
    words,
)
from index.errors import InvalidRequest
from index.predicate import InvalidValue, coerce
from index.specs import FieldType
from index.tables import policy_event, policy_in_force, policy_version
from index.tables import tenant as tenants

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

MAX_DOCUMENTS = 200
MAX_DOCUMENT_BYTES = 200_000
MAX_BYTES = 2_000_000  # of all documents together: reading YAML takes its time
_DOCUMENT_NAME = re.compile(r"[A-Za-z0-9._-]+\.yaml")
_NAME_LENGTH = 200

_LISTED = (
    policy_version.c.version.label("number"),
    policy_version.c.parent,
    policy_version.c.hash,
    policy_version.c.author,
    policy_version.c.reason,
    policy_version.c.created_at,
)


class State(StrEnum):
    """How far a version has come."""

    DRAFT = "draft"
    TESTED = "tested"
    PREVIEWED = "previewed"
    APPROVED = "approved"
    IN_FORCE = "in force"
    SUPERSEDED = "superseded"  # it was in force, and another one is now


@dataclass(frozen=True, kw_only=True)
class ListedVersion:
    """A version as a list shows it, without its documents."""

    number: int
    parent: int | None
    hash: str
    author: str
    reason: str
    created_at: datetime
    state: State


@dataclass(frozen=True, kw_only=True)
class Version(ListedVersion):
    """All policy documents at once, as one author left them."""

    documents: Mapping[str, str] = field(repr=False)  # YAML by file name


def draft(
    connection: Connection,
    tenant: str,
    documents: Mapping[str, str],
    *,
    author: str,
    reason: str,
    parent: int | None = None,
    evidence: Mapping[str, object] = NOTHING,
) -> Version:
    """Store the documents as the tenant's next version: 1, 2, 3 and so on without gaps.

    Raises InvalidRequest for too many or too long documents, for a name that is not a plain
    `….yaml`, without an author or a reason, and for an unknown tenant or parent.
    """
    _check_documents(documents)
    author, reason = words("author", author), words("reason", reason)
    _lock(connection, tenant)
    if parent is not None:
        require(connection, tenant, parent)
    last = select(func.max(policy_version.c.version)).where(policy_version.c.tenant_id == tenant)
    number = (connection.execute(last).scalar() or 0) + 1
    connection.execute(
        insert(policy_version).values(
            tenant_id=tenant,
            version=number,
            parent=parent,
            documents=dict(documents),
            hash=hash_of(documents),
            author=author,
            reason=reason,
        )
    )
    note(
        connection,
        tenant,
        number,
        "drafted",
        actor=author,
        reason=reason,
        evidence=evidence,
    )
    return find(connection, tenant, number)


def find(connection: Connection, tenant: str, number: int) -> Version:
    """The version of that number; InvalidRequest when there is none."""
    columns = (*_LISTED, policy_version.c.documents, _kinds(), _pointer(tenant))
    row = connection.execute(_of(tenant, number, select(*columns))).mappings().one_or_none()
    if row is None:
        raise UnknownVersion(number)
    return Version(documents=row["documents"], **_fields(row))


def listed(connection: Connection, tenant: str, limit: int) -> tuple[ListedVersion, ...]:
    """The newest versions, the newest first."""
    newest = (
        select(*_LISTED, _kinds(), _pointer(tenant))
        .where(policy_version.c.tenant_id == tenant)
        .order_by(policy_version.c.version.desc())
        .limit(limit)
    )
    return tuple(ListedVersion(**_fields(row)) for row in connection.execute(newest).mappings())


def in_force(connection: Connection, tenant: str) -> int | None:
    """The number of the version in force; None before the first one is published."""
    number: int | None = connection.execute(select(_pointer(tenant))).scalar_one()
    return number


def put_in_force(
    connection: Connection,
    tenant: str,
    number: int,
    *,
    expected: int | None,
    actor: str,
    reason: str,
    kind: Move = "published",
    evidence: Mapping[str, object] = NOTHING,
) -> None:
    """Move the pointer to the version, if it still stands at `expected`, and note it.

    Raises InvalidRequest when it stands elsewhere or there already, and for an unknown version.
    """
    actor, reason = words("actor", actor), words("reason", reason)
    _lock(connection, tenant)
    require(connection, tenant, number)
    current = in_force(connection, tenant)
    if current != expected:
        raise InvalidRequest(
            f"{_named(current)} is in force, and not {_named(expected).lower()} as expected:"
            " somebody published in between. Pull what is in force, and try again on top of it."
        )
    if current == number:
        raise InvalidRequest(f"Version {number} is in force already.")
    pointer = insert(policy_in_force).values(tenant_id=tenant, version=number)
    connection.execute(
        pointer.on_conflict_do_update(
            index_elements=["tenant_id"],
            set_={"version": pointer.excluded.version, "published_at": func.now()},
        )
    )
    note(connection, tenant, number, kind, actor=actor, reason=reason, evidence=evidence)


def hash_of(documents: Mapping[str, str]) -> str:
    """A hash of the documents as they are written."""
    canonical = orjson.dumps(dict(documents), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


async def documents_of(connection: AsyncConnection, tenant: str, number: int) -> Mapping[str, str]:
    """The documents of the version, for a request; InvalidRequest when there is none."""
    statement = _of(tenant, number, select(policy_version.c.documents))
    documents: Mapping[str, str] | None = (await connection.execute(statement)).scalar_one_or_none()
    if documents is None:
        raise UnknownVersion(number)
    return documents


def _lock(connection: Connection, tenant: str) -> None:
    """Let one change of a tenant's policies at a time through, until the transaction ends."""
    row = select(tenants.c.tenant_id).where(tenants.c.tenant_id == tenant)
    # No key update: rows of other tables may refer to the tenant meanwhile.
    if connection.execute(row.with_for_update(key_share=True)).one_or_none() is None:
        raise InvalidRequest(f"There is no tenant {tenant!r}; import its users first.")


def _of(tenant: str, number: int, statement: Select[Any]) -> Select[Any]:
    return statement.where(policy_version.c.tenant_id == tenant, policy_version.c.version == number)


def _pointer(tenant: str) -> Label[int | None]:
    pointer = select(policy_in_force.c.version).where(policy_in_force.c.tenant_id == tenant)
    return pointer.scalar_subquery().label("now")


def _kinds() -> Label[Sequence[str]]:
    """What has happened to each version of a statement."""
    events = select(policy_event.c.kind).where(
        policy_event.c.tenant_id == policy_version.c.tenant_id,
        policy_event.c.version == policy_version.c.version,
    )
    kinds = events.distinct().correlate(policy_version).scalar_subquery()
    return func.array(kinds, type_=ARRAY(Text)).label("kinds")


def _fields(row: RowMapping) -> dict[str, Any]:
    """What a list shows of a row of `_LISTED`, `_kinds` and `_pointer`."""
    fields = {column.name: row[column.name] for column in _LISTED}
    return {**fields, "state": _state(row["number"], row["kinds"], row["now"])}


def _state(number: int, kinds: Sequence[str], in_force: int | None) -> State:
    if number == in_force:
        return State.IN_FORCE
    if "published" in kinds or "rolled_back" in kinds:
        return State.SUPERSEDED
    reached = (each for each in (State.APPROVED, State.PREVIEWED, State.TESTED) if each in kinds)
    return next(reached, State.DRAFT)


def _named(number: int | None) -> str:
    return "No version" if number is None else f"Version {number}"


def _check_documents(documents: Mapping[str, str]) -> None:
    if len(documents) > MAX_DOCUMENTS:
        raise InvalidRequest(
            f"{len(documents)} documents are too many: at most {MAX_DOCUMENTS} make a version."
        )
    total = 0
    for name, text in documents.items():
        if not _DOCUMENT_NAME.fullmatch(name) or len(name) > _NAME_LENGTH:
            raise InvalidRequest(
                f"{name[:_NAME_LENGTH]!r} cannot name a document: a name has letters, digits, `.`,"
                f" `_` and `-`, ends in `.yaml`, and is at most {_NAME_LENGTH} characters long."
            )
        try:
            size = len(str(coerce(FieldType.TEXT, text)).encode())
        except InvalidValue as error:
            raise InvalidRequest(f"{name} cannot be stored: {error}.") from None
        if size > MAX_DOCUMENT_BYTES:
            raise InvalidRequest(
                f"{name} has {size:,} bytes, and at most {MAX_DOCUMENT_BYTES:,} can be stored;"
                " say less in one document."
            )
        total += size
    if total > MAX_BYTES:
        raise InvalidRequest(
            f"The documents have {total:,} bytes together, and at most {MAX_BYTES:,} make a"
            " version; say less."
        )

"""What happened to each version of a tenant's policies: who did it, why, and what was found.

Events are only ever added. A step that failed is not noted, so that a noted one may be relied on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from sqlalchemy import Connection, insert, select

from index.errors import InvalidRequest
from index.predicate import InvalidValue, coerce
from index.specs import FieldType
from index.tables import policy_event, policy_version

Move = Literal["published", "rolled_back"]
Step = Literal["checked", "tested", "previewed", "approved", "shadowed", "shadow_ended"]
EventKind = Literal["drafted", Step, Move]

MAX_WORDS = 2_000  # characters of a reason or a name
NOTHING: Mapping[str, object] = MappingProxyType({})
_COLUMNS = (
    policy_event.c.event_id.label("id"),
    policy_event.c.version,
    policy_event.c.kind,
    policy_event.c.actor,
    policy_event.c.at,
    policy_event.c.reason,
    policy_event.c.evidence,
)


class UnknownVersion(InvalidRequest):
    """The tenant has no version of that number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"There is no version {number} of the policies; list them to see which.")


@dataclass(frozen=True, kw_only=True)
class Event:
    """What somebody did with a version, why, and what was found; `id` grows with time."""

    id: int
    version: int
    kind: EventKind
    actor: str
    at: datetime
    reason: str
    evidence: Mapping[str, object] = field(repr=False)


def note(
    connection: Connection,
    tenant: str,
    number: int,
    kind: EventKind,
    *,
    actor: str,
    reason: str = "",
    evidence: Mapping[str, object] = NOTHING,
) -> None:
    """Add to the version's history that a step succeeded, and what it found, as JSON values.

    `versions` itself notes what was drafted, published and rolled back. Raises InvalidRequest for
    an unknown version and without an actor.
    """
    values = {
        "tenant_id": tenant,
        "version": number,
        "kind": kind,
        "actor": words("actor", actor),
        "reason": words("reason", reason) if reason.strip() else "",
        "evidence": dict(evidence),
    }
    require(connection, tenant, number)
    connection.execute(insert(policy_event).values(values))


def history(
    connection: Connection,
    tenant: str,
    limit: int,
    number: int | None = None,
    kinds: Collection[EventKind] = (),
) -> tuple[Event, ...]:
    """The newest events of all versions, or of one, and of all kinds, or of some; the newest
    first."""
    events = select(*_COLUMNS).where(policy_event.c.tenant_id == tenant)
    if number is not None:
        events = events.where(policy_event.c.version == number)
    if kinds:
        events = events.where(policy_event.c.kind.in_(kinds))
    newest = events.order_by(policy_event.c.event_id.desc()).limit(limit)
    return tuple(Event(**row) for row in connection.execute(newest).mappings())


def require(connection: Connection, tenant: str, number: int) -> None:
    """Raise InvalidRequest when the tenant has no version of that number."""
    version = select(policy_version.c.version).where(
        policy_version.c.tenant_id == tenant, policy_version.c.version == number
    )
    if connection.execute(version).first() is None:
        raise UnknownVersion(number)


def words(what: str, text: str) -> str:
    """A name or a reason without the space around it, if it can be stored; InvalidRequest if not,
    as for an empty one."""
    try:
        said = str(coerce(FieldType.TEXT, text)).strip()
    except InvalidValue as error:
        raise InvalidRequest(f"The {what} cannot be stored: {error}.") from None
    if not said:
        raise InvalidRequest(f"The {what} is empty; a change of policies says who made it and why.")
    if len(said) > MAX_WORDS:
        raise InvalidRequest(f"The {what} is longer than {MAX_WORDS:,} characters; shorten it.")
    return said

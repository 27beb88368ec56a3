"""A version on trial: evaluated beside the one in force until it expires, its differences kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from access_policies.versions.history import NOTHING, note, require, words
from index.errors import InvalidRequest
from index.tables import policy_shadow, policy_shadow_difference

MAX_DURATION = timedelta(days=14)
MAX_DIFFERENCES = 10_000
"""Kept of one trial; what comes after only adds to the counts of those."""

Change = Literal["gained", "lost", "masked", "unmasked"]


@dataclass(frozen=True, kw_only=True)
class ShadowRun:
    """A trial under way."""

    version: int
    started_by: str
    started_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one caller would have been shown otherwise: a row, or a field of a row."""

    entity: str
    row_id: UUID
    change: Change
    field: str = ""
    user: str | None = None
    agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class SeenDifference:
    """A difference, and how often it came up in reads."""

    difference: Difference
    seen: int
    first_at: datetime
    last_at: datetime


def start(
    connection: Connection,
    tenant: str,
    number: int,
    *,
    actor: str,
    reason: str,
    hours: float,
    evidence: Mapping[str, object] = NOTHING,
) -> ShadowRun:
    """Put the version on trial for so many hours, in place of one that may be.

    Raises InvalidRequest for an unknown version or for more than two weeks.
    """
    actor, reason = words("actor", actor), words("reason", reason)
    if not 0 < hours <= MAX_DURATION / timedelta(hours=1):
        raise InvalidRequest(
            f"A trial lasts for more than 0 and at most {MAX_DURATION.days * 24} hours."
        )
    require(connection, tenant, number)
    now = func.now()
    row = insert(policy_shadow).values(
        tenant_id=tenant,
        version=number,
        started_by=actor,
        started_at=now,
        expires_at=now + timedelta(hours=hours),
    )
    changed = {name: row.excluded[name] for name in ("version", "started_by", "started_at")}
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id"], set_={**changed, "expires_at": row.excluded.expires_at}
        )
    )
    mine = policy_shadow_difference.c
    connection.execute(
        delete(policy_shadow_difference).where(mine.tenant_id == tenant, mine.version == number)
    )
    note(connection, tenant, number, "shadowed", actor=actor, reason=reason, evidence=evidence)
    run = running(connection, tenant)
    assert run is not None  # noqa: S101
    return run


def stop(
    connection: Connection,
    tenant: str,
    *,
    actor: str,
    reason: str,
    evidence: Mapping[str, object] = NOTHING,
) -> int | None:
    """End the trial; its version, or None when there is none."""
    ended: int | None = connection.execute(
        delete(policy_shadow)
        .where(policy_shadow.c.tenant_id == tenant)
        .returning(policy_shadow.c.version)
    ).scalar_one_or_none()
    if ended is not None:
        note(
            connection,
            tenant,
            ended,
            "shadow_ended",
            actor=actor,
            reason=reason,
            evidence=evidence,
        )
    return ended


def running(connection: Connection, tenant: str) -> ShadowRun | None:
    """The trial under way; None when there is none, or it has expired."""
    found = connection.execute(
        select(
            policy_shadow.c.version,
            policy_shadow.c.started_by,
            policy_shadow.c.started_at,
            policy_shadow.c.expires_at,
        ).where(policy_shadow.c.tenant_id == tenant, policy_shadow.c.expires_at > func.now())
    ).one_or_none()
    return None if found is None else ShadowRun(**found._mapping)


def record(
    connection: Connection, tenant: str, number: int, differences: Sequence[Difference]
) -> None:
    """Count differences that came up in reads."""
    table, now = policy_shadow_difference, func.now()
    rows = [
        {
            "tenant_id": tenant,
            "version": number,
            "entity": each.entity,
            "row_id": each.row_id,
            "change": each.change,
            "field": each.field,
            "user_name": each.user or "",
            "agent_name": each.agent or "",
            "seen": 1,
            "first_at": now,
            "last_at": now,
        }
        for each in dict.fromkeys(differences)
    ]
    mine = (table.c.tenant_id == tenant) & (table.c.version == number)
    keys = [column.name for column in table.primary_key]
    known = {
        tuple(row)
        for row in connection.execute(
            select(*table.primary_key).where(
                mine, table.c.row_id.in_([each.row_id for each in differences])
            )
        )
    }
    room = MAX_DIFFERENCES - (connection.execute(select(func.count()).where(mine)).scalar() or 0)
    new = [row for row in rows if tuple(row[key] for key in keys) not in known]
    kept = [row for row in rows if row not in new] + new[: max(0, room)]
    if kept:
        statement = insert(table).values(kept)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=keys,
                set_={"seen": table.c.seen + 1, "last_at": statement.excluded.last_at},
            )
        )


def differences(
    connection: Connection, tenant: str, number: int, limit: int
) -> tuple[SeenDifference, ...]:
    """The differences of a trial, those that came up most often first."""
    table = policy_shadow_difference
    found = connection.execute(
        select(table)
        .where(table.c.tenant_id == tenant, table.c.version == number)
        .order_by(table.c.seen.desc(), table.c.entity, table.c.row_id, table.c.change)
        .limit(limit)
    ).mappings()
    return tuple(
        SeenDifference(
            difference=Difference(
                entity=row["entity"],
                row_id=row["row_id"],
                change=row["change"],
                field=row["field"],
                user=row["user_name"] or None,
                agent=row["agent_name"] or None,
            ),
            seen=row["seen"],
            first_at=row["first_at"],
            last_at=row["last_at"],
        )
        for row in found
    )

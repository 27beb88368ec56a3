"""The sources of a tenant as the database has them: defined here, with secrets by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection, delete, func, literal, null, select, text, update

from index.errors import ConfigurationError
from index.tables import schedule, source
from index.writer import register_source
from ingestion.workspace.format import SourceEntry

_FINGERPRINT = text(
    "SELECT md5(concat("
    " (SELECT string_agg(name || definition::text, ',' ORDER BY name) FROM remit.source"
    "  WHERE tenant_id = :tenant AND definition IS NOT NULL), '/',"
    " (SELECT string_agg(name || sealed, ',' ORDER BY name) FROM remit.secret"
    "  WHERE tenant_id = :tenant)))"
)
_ARE_THERE = text(
    "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('remit.source')"
    " AND attname = 'definition')"
)


@dataclass(frozen=True)
class HeldSource:
    """A source that the database knows; without an `entry` it is in force from a file at most."""

    name: str
    connector: str
    entry: SourceEntry | None
    paused_at: datetime | None


def is_migrated(connection: Connection) -> bool:
    """Whether the database has the tables for this, which `remit migrate` makes."""
    return bool(connection.execute(_ARE_THERE).scalar_one())


def fingerprint(connection: Connection, tenant: str) -> str:
    """What is another text once a source or a sealed secret of the tenant is another."""
    if not is_migrated(connection):
        return ""
    found: str = connection.execute(_FINGERPRINT, {"tenant": tenant}).scalar_one()
    return found


def held_sources(connection: Connection, tenant: str) -> Mapping[str, HeldSource]:
    """All sources that the tenant has, or has had, by name in order.

    Raises ConfigurationError naming a source that a newer version of Remit has written.
    """
    rows = connection.execute(
        select(source.c.name, source.c.connector, source.c.definition, source.c.paused_at)
        .where(source.c.tenant_id == tenant)
        .order_by(source.c.name)
    )
    return {
        row.name: HeldSource(
            row.name,
            row.connector,
            None if row.definition is None else _read(row.name, row.definition),
            row.paused_at,
        )
        for row in rows
    }


def define(connection: Connection, tenant: str, name: str, entry: SourceEntry) -> None:
    """Put a source in force, or another definition of it."""
    register_source(connection, tenant, name, entry.origin.name)
    connection.execute(
        update(source)
        .where(source.c.tenant_id == tenant, source.c.name == name)
        .values(definition=entry.definition())
    )


def retire(connection: Connection, tenant: str, name: str) -> None:
    """Take a source out of force, with its schedules; its data stay, and so does its state."""
    mine = (schedule.c.tenant_id == tenant) & (schedule.c.source == name)
    connection.execute(delete(schedule).where(mine))
    connection.execute(
        update(source)
        .where(source.c.tenant_id == tenant, source.c.name == name)
        .values(definition=null(), paused_at=None)
    )


def pause(connection: Connection, tenant: str, name: str, *, paused: bool) -> bool:
    """Let no schedule run a source from now on, or let them again; False if it stood so already."""
    standing = source.c.paused_at.is_(None) if paused else source.c.paused_at.is_not(None)
    changed = connection.execute(
        update(source)
        .where(source.c.tenant_id == tenant, source.c.name == name, standing)
        .values(paused_at=func.now() if paused else null())
    )
    return bool(changed.rowcount)


def lock_definitions(connection: Connection, tenant: str) -> None:
    """Let nobody else define sources of the tenant until the transaction ends."""
    name = literal(f"remit.sources/{tenant}")
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def _read(name: str, definition: object) -> SourceEntry:
    try:
        return SourceEntry.model_validate(definition)
    except ValidationError:
        raise ConfigurationError(
            f"The definition of the source {name!r} in the database cannot be read by this version"
            f" of Remit. Use the version that wrote it, or define it anew with `remit apply`."
        ) from None

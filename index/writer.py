"""The only place that writes records and entity rows.

Every write is an upsert by a key that follows from the source's own key, so doing it twice changes
nothing; a record whose content did not change is not written at all; and a record older than the
one we hold never replaces it, whichever of a sync and a live read comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from index.entity_tables import EntityTables
from index.errors import RemitError
from index.tables import record, rejected_record, source, stream_state, tenant

# The escape itself, not a backslash that somebody wrote before "u0000".
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ROWS = UUID("b3a6e0f0-6f0b-5a55-9c39-0d3c1a5f7a11")


class Unstorable(RemitError):
    """A record that Postgres cannot hold; the reason is its text, without the record's content."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A stream of one configured source, and the entities that its records may become."""

    tenant: str
    source: str
    name: str
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A record on its way in, with the entity row it was mapped to (None: kept as record only)."""

    key: str
    data: bytes  # canonical JSON, from `canonical_json`
    updated_at: datetime | None
    entity: str | None = None
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Written:
    """What a batch changed: ids of rows by entity, and how many records were as before."""

    changed: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    records: int = 0
    unchanged: int = 0


def row_id(stream: Stream, key: str) -> UUID:
    """The id of the row that a record becomes: the same on every sync and on every machine."""
    return uuid5(_ROWS, "\x1f".join((stream.tenant, stream.source, stream.name, key)))


def canonical_json(data: Mapping[str, Any]) -> bytes:
    """The record as JSON with sorted keys. Raises `Unstorable` for what Postgres cannot hold."""
    try:
        encoded = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError) as error:
        raise Unstorable(f"it is not valid JSON: {error}") from error
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise Unstorable("it holds a NUL character, which Postgres text cannot store")
    return encoded


def register_source(connection: Connection, tenant_id: str, name: str, connector: str) -> None:
    """Make sure that the tenant and its source exist."""
    connection.execute(upsert(tenant).values(tenant_id=tenant_id).on_conflict_do_nothing())
    row = upsert(source).values(tenant_id=tenant_id, name=name, connector=connector)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "name"], set_={"connector": connector}
        )
    )


def write_batch(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    incoming: Iterable[Incoming],
    *,
    at: datetime,
    live: bool = False,
) -> Written:
    """Upsert records and their rows; `at` is when they were read, by a sync or `live`."""
    latest = {item.key: item for item in sorted(incoming, key=lambda item: item.key)}
    if not latest:
        return Written()
    held = _held_hashes(connection, stream, list(latest))
    hashes = {key: _content_hash(item.data) for key, item in latest.items()}
    changed = [item for key, item in latest.items() if held.get(key) != hashes[key]]
    if changed:
        accepted = _upsert_records(connection, stream, changed, hashes, at)
        changed = [item for item in changed if item.key in accepted]
    rows = {item.key: row_id(stream, item.key) for item in changed if item.entity is not None}
    _upsert_rows(connection, tables, stream, changed, rows, at)
    if live:
        _mark_live(connection, tables, stream, latest.values(), at)
    ids: dict[str, list[UUID]] = {}
    for item in changed:
        if item.entity is not None:
            ids.setdefault(item.entity, []).append(rows[item.key])
    return Written(
        changed={entity: tuple(found) for entity, found in ids.items()},
        records=len(changed),
        unchanged=len(latest) - len(changed),
    )


def mark_deleted(
    connection: Connection, tables: EntityTables, stream: Stream, keys: Sequence[str], at: datetime
) -> None:
    """Take rows out of every answer because the source no longer has them. Records stay."""
    ids = [row_id(stream, key) for key in keys]
    # Locks the records before the rows, as a write does.
    _held_hashes(connection, stream, list(keys))
    # The next record of these keys must be written even when its content is as before.
    connection.execute(
        update(record)
        .where(record.c.tenant_id == stream.tenant, record.c.source == stream.source)
        .where(record.c.stream == stream.name, record.c.key.in_(list(keys)))
        .values(content_hash=b"")
    )
    for entity in stream.entities:
        table = tables[entity]
        connection.execute(
            update(table)
            .where(table.c.tenant_id == stream.tenant, table.c.id.in_(ids))
            .where(table.c.deleted_at.is_(None))
            .values(deleted_at=at, live_at=at)
        )


def reject(
    connection: Connection, stream: Stream, run_id: UUID | None, raw: object, reason: str
) -> None:
    """Set a record aside with the reason, as text, so that it can be looked at and replayed."""
    rejected_id = uuid5(_ROWS, f"{stream.tenant}\x1f{stream.source}\x1f{stream.name}\x1f{raw!r}")
    row = upsert(rejected_record).values(
        tenant_id=stream.tenant,
        rejected_id=rejected_id,
        run_id=run_id,
        source=stream.source,
        stream=stream.name,
        reason=reason,
        raw=_safe_text(raw),
    )
    connection.execute(row.on_conflict_do_nothing())


def load_state(connection: Connection, stream: Stream) -> Any | None:
    """The Airbyte STATE from which the next sync of the stream goes on, or None."""
    return connection.execute(
        select(stream_state.c.state).where(
            stream_state.c.tenant_id == stream.tenant,
            stream_state.c.source == stream.source,
            stream_state.c.stream == stream.name,
        )
    ).scalar_one_or_none()


def save_state(
    connection: Connection, stream: Stream, *, state: Any | None, synced_at: datetime | None
) -> None:
    """Keep the STATE (when given) and, at the stream's end, when it was read up to its end."""
    values = {"state": state} if state is not None else {}
    if synced_at is not None:
        values["synced_at"] = synced_at
    key = {"tenant_id": stream.tenant, "source": stream.source, "stream": stream.name}
    row = upsert(stream_state).values(**key, **values)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_=values))


def _content_hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _held_hashes(connection: Connection, stream: Stream, keys: list[str]) -> dict[str, bytes]:
    rows = connection.execute(
        select(record.c.key, record.c.content_hash)
        .where(record.c.tenant_id == stream.tenant, record.c.source == stream.source)
        .where(record.c.stream == stream.name, record.c.key == func.any(bindparam("keys")))
        # Always in the same order, so that a sync and a live read never wait for each other.
        .order_by(record.c.key)
        .with_for_update(),
        {"keys": keys},
    )
    return {key: bytes(content_hash) for key, content_hash in rows}


# One JSON parameter a batch instead of one parameter a value: Postgres takes it apart itself, which
# is several times faster than binding each column of each row.
_UPSERT_RECORDS = text(
    """
    INSERT INTO remit.record AS held
        (tenant_id, source, stream, key, data, content_hash, updated_at, synced_at)
    SELECT :tenant, :source, :stream, key, data, decode(hash, 'hex'), updated_at, :at
    FROM json_to_recordset(CAST(:records AS json))
        AS r(key text, data jsonb, hash text, updated_at timestamptz)
    ON CONFLICT (tenant_id, source, stream, key) DO UPDATE
        SET data = excluded.data, content_hash = excluded.content_hash,
            updated_at = excluded.updated_at, synced_at = excluded.synced_at
        WHERE held.updated_at IS NULL OR excluded.updated_at IS NULL
            OR held.updated_at <= excluded.updated_at
    RETURNING key
    """
)


def _upsert_records(
    connection: Connection,
    stream: Stream,
    changed: Sequence[Incoming],
    hashes: Mapping[str, bytes],
    at: datetime,
) -> set[str]:
    records = [
        {
            "key": item.key,
            "data": orjson.Fragment(item.data),
            "hash": hashes[item.key].hex(),
            "updated_at": item.updated_at,
        }
        for item in changed
    ]
    return set(
        connection.execute(
            _UPSERT_RECORDS,
            {
                "tenant": stream.tenant,
                "source": stream.source,
                "stream": stream.name,
                "records": orjson.dumps(records).decode(),
                "at": at,
            },
        ).scalars()
    )


def _upsert_rows(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    changed: Sequence[Incoming],
    ids: Mapping[str, UUID],
    at: datetime,
) -> None:
    by_entity: dict[str, list[dict[str, Any]]] = {}
    for item in changed:
        if item.entity is not None and item.row is not None:
            by_entity.setdefault(item.entity, []).append(
                {
                    **item.row,
                    "tenant_id": stream.tenant,
                    "id": ids[item.key],
                    "source": stream.source,
                    "stream": stream.name,
                    "remote_id": item.key,
                    "synced_at": at,
                }
            )
    for entity, rows in by_entity.items():
        upsert_rows(connection, tables, entity, rows)
        for other in stream.entities:
            if other != entity:
                # A record can change what it is (an end user becomes an agent).
                _remove_rows(connection, tables, other, [row["id"] for row in rows], stream.tenant)


def upsert_rows(
    connection: Connection, tables: EntityTables, entity: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Upsert whole entity rows, all with the same columns; a column they leave out is kept."""
    if not rows:
        return
    table = tables[entity]
    columns = [column.name for column in table.columns if column.name in rows[0]]
    names = ", ".join(f'"{name}"' for name in columns)
    changes = ", ".join(
        f'"{name}" = excluded."{name}"' for name in columns if name not in ("tenant_id", "id")
    )
    qualified = f'"{table.schema}"."{table.name}"'
    connection.execute(
        text(
            f"INSERT INTO {qualified} ({names}) SELECT {names}"  # noqa: S608  names from the model
            f" FROM json_populate_recordset(NULL::{qualified}, CAST(:rows AS json))"
            f" ON CONFLICT (tenant_id, id) DO UPDATE SET {changes}"
        ),
        {"rows": orjson.dumps(rows, default=str).decode()},
    )


def _remove_rows(
    connection: Connection, tables: EntityTables, entity: str, ids: Sequence[UUID], tenant_id: str
) -> None:
    table = tables[entity]
    connection.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.id.in_(ids)))


def _mark_live(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    items: Iterable[Incoming],
    at: datetime,
) -> None:
    by_entity: dict[str, list[UUID]] = {}
    for item in items:
        if item.entity is not None:
            by_entity.setdefault(item.entity, []).append(row_id(stream, item.key))
    for entity, ids in by_entity.items():
        table = tables[entity]
        connection.execute(
            update(table)
            .where(table.c.tenant_id == stream.tenant, table.c.id.in_(ids))
            .values(live_at=at)
        )


def _safe_text(raw: object) -> str:
    try:
        return orjson.dumps(raw, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):
        return repr(raw).replace("\x00", "\\x00")


def update_statistics(
    connection: Connection, tables: EntityTables, entities: Iterable[str]
) -> None:
    """Let Postgres count anew what it plans by, which it would do by itself only a minute later.

    Until then it takes freshly loaded tables for empty, and joins them in ways that take seconds.
    """
    for entity in entities:
        table = tables[entity]
        connection.execute(text(f'ANALYZE "{table.schema}"."{table.name}"'))
    connection.execute(text("ANALYZE remit.identity_link"))

"""The only place that writes records and entity rows.

Every write is an upsert by a key that follows from the source's own key, so doing it twice changes
nothing; a record whose content did not change is not written at all; and a record older than the
one we hold never replaces it, whichever of a sync and a live read comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from index.entity_rows import mark_live, remove_others, upsert_different, upsert_rows, whole_rows
from index.entity_tables import EntityTables
from index.incoming import Incoming
from index.stream import Stream, of_stream, row_id
from index.tables import erased_row, record, source, tenant


# With what goes into it: who writes needs no other module.
@dataclass(frozen=True)
class Written:
    """What a batch changed: ids of rows by entity, how many records, and how many of them left."""

    changed: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    records: int = 0
    deleted: int = 0


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
    began: datetime | None = None,
) -> Written:
    """Upsert records and their rows, the last of each key; `at` is when they were read.

    What was noted as deleted after reading `began` stays deleted.
    """
    items = list(incoming)
    changed = differing(connection, stream, items)
    written = write_changed(connection, tables, stream, changed, at=at, began=began)
    if live:
        mark_live(connection, tables, stream, items, at)
    return written


def differing(
    connection: Connection, stream: Stream, incoming: Iterable[Incoming]
) -> list[Incoming]:
    """The last of each key whose content is not as held, in the order of the keys.

    What is held of these keys is locked, so that nobody changes it before they are written.
    """
    latest = {item.key: item for item in incoming}
    if not latest:
        return []
    held = _held_hashes(connection, stream, list(latest))
    return [latest[key] for key in sorted(latest) if held.get(key) != latest[key].content_hash]


def write_changed(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    changed: Sequence[Incoming],
    *,
    at: datetime,
    began: datetime | None = None,
) -> Written:
    """Upsert records that `differing` returned, with their rows.

    A version older than the one held is left out, and so is what was erased for good. So is what
    was noted as deleted after reading `began`, unless a version said so and this one is newer.
    """
    if not changed:
        return Written()
    ids = {item.key: row_id(stream, item.key) for item in changed}
    erased = _erased(connection, stream, ids.values())
    changed = [item for item in changed if ids[item.key] not in erased]
    accepted = _upsert_records(connection, stream, changed, at, began)
    changed = [item for item in changed if item.key in accepted]
    found: dict[str, list[UUID]] = {}
    for entity, rows in whole_rows(stream, ((item, ids[item.key], at) for item in changed)).items():
        if entity is not None:
            upsert_rows(connection, tables, entity, rows)
        for other, row in remove_others(connection, tables, stream, entity, rows):
            found.setdefault(other, []).append(row)
    for item in changed:
        if item.entity is not None:
            found.setdefault(item.entity, []).append(ids[item.key])
    return Written(
        changed={entity: tuple(rows) for entity, rows in found.items()},
        records=len(changed),
        deleted=sum(item.deleted_at is not None for item in changed),
    )


def write_rows_again(
    connection: Connection,
    tables: EntityTables,
    stream: Stream,
    held: Iterable[tuple[Incoming, datetime]],
) -> list[UUID]:
    """Make the rows of records that are held, with the time of each, as they are mapped now.

    Returns the ids of the rows that differed; only they are written.
    """
    items = ((item, row_id(stream, item.key), at) for item, at in held)
    changed: list[UUID] = []
    for entity, rows in whole_rows(stream, items).items():
        if entity is not None:
            changed += upsert_different(connection, tables, entity, rows)
        removed = remove_others(connection, tables, stream, entity, rows)
        changed += [row for _, row in removed]
    return changed


def _held_hashes(connection: Connection, stream: Stream, keys: list[str]) -> dict[str, bytes]:
    rows = connection.execute(
        select(record.c.key, record.c.content_hash)
        .where(*of_stream(record, stream), record.c.key == func.any(bindparam("keys")))
        # Always in the same order, so that a sync and a live read never wait for each other.
        .order_by(record.c.key)
        .with_for_update(),
        {"keys": keys},
    )
    return {key: bytes(content) for key, content in rows}


def _erased(connection: Connection, stream: Stream, ids: Iterable[UUID]) -> set[UUID]:
    """Which of the rows were erased for good.

    Asked once the records are locked, which an erasure does too: who comes second sees the first.
    """
    of_tenant = select(erased_row.c.row_id).where(erased_row.c.tenant_id == stream.tenant)
    if connection.execute(of_tenant.limit(1)).first() is None:
        return set()  # as nearly always, and several times faster to find out
    erased = of_tenant.where(erased_row.c.row_id == func.any(bindparam("ids")))
    return set(connection.execute(erased, {"ids": list(ids)}).scalars())


# One JSON parameter a batch instead of one parameter a value: Postgres takes it apart itself, which
# is several times faster than binding each column of each row.
_UPSERT_RECORDS = text(
    """
    INSERT INTO remit.record AS held
        (tenant_id, source, stream, key, data, content_hash, updated_at, synced_at, deleted_at)
    SELECT :tenant, :source, :stream, key, data, decode(hash, 'hex'), updated_at, :at, deleted_at
    FROM json_to_recordset(CAST(:records AS json))
        AS r(key text, data jsonb, hash text, updated_at timestamptz, deleted_at timestamptz)
    ON CONFLICT (tenant_id, source, stream, key) DO UPDATE
        SET data = excluded.data, content_hash = excluded.content_hash,
            updated_at = excluded.updated_at, synced_at = excluded.synced_at,
            deleted_at = excluded.deleted_at
        WHERE (held.updated_at IS NULL OR excluded.updated_at IS NULL
               OR held.updated_at <= excluded.updated_at)
            AND (held.deleted_at IS NULL OR CAST(:began AS timestamptz) IS NULL
                 OR held.synced_at < :began
                 OR (held.content_hash <> '' AND held.updated_at < excluded.updated_at))
    RETURNING key
    """
)


def _upsert_records(
    connection: Connection,
    stream: Stream,
    changed: Sequence[Incoming],
    at: datetime,
    began: datetime | None,
) -> set[str]:
    records = [
        {
            "key": item.key,
            "data": orjson.Fragment(item.data),
            "hash": item.content_hash.hex(),
            "updated_at": item.updated_at,
            "deleted_at": item.deleted_at,
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
                "began": began,
            },
        ).scalars()
    )

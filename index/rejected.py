"""Records that could not be mapped or stored, kept as text until they can."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Connection, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from index.stream import Stream, of_stream, row_id
from index.tables import erased_row, rejected_record


class Rejection(NamedTuple):
    """A record set aside: its key, None when it has none, and why, without its content."""

    key: str | None
    raw: Any
    reason: str


def reject(
    connection: Connection, stream: Stream, run_id: UUID | None, rejections: Sequence[Rejection]
) -> None:
    """Set records aside; the newest version of a key replaces an older one set aside before.

    What was erased for good is left out.
    """
    rows = {}
    for rejection in rejections:
        name = rejected_id(stream, rejection)
        rows[name] = {
            "tenant_id": stream.tenant,
            "rejected_id": name,
            "run_id": run_id,
            "source": stream.source,
            "stream": stream.name,
            "reason": rejection.reason,
            "raw": _as_text(rejection.raw),
        }
    for name in _erased(connection, stream.tenant, list(rows)):
        del rows[name]
    if not rows:
        return
    row = upsert(rejected_record).values(list(rows.values()))
    new = row.excluded
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "rejected_id"],
            set_={"run_id": new.run_id, "reason": new.reason, "raw": new.raw,
                  "rejected_at": func.now()},
            where=or_(rejected_record.c.reason != new.reason, rejected_record.c.raw != new.raw),
        )
    )  # fmt: skip


def accept(connection: Connection, stream: Stream, keys: Iterable[str]) -> None:
    """Forget what was set aside of these keys, because a good version has come."""
    forget(connection, stream.tenant, [row_id(stream, key) for key in keys])


def forget(connection: Connection, tenant: str, rejected_ids: Sequence[UUID]) -> int:
    """Remove what was set aside under these ids; returns how many there were."""
    gone = delete(rejected_record).where(
        rejected_record.c.tenant_id == tenant,
        rejected_record.c.rejected_id == func.any(bindparam("ids")),
    )
    return connection.execute(gone, {"ids": list(rejected_ids)}).rowcount


def rejected_id(stream: Stream, rejection: Rejection) -> UUID:
    """Under what it is kept: the same for all versions of a key."""
    return row_id(stream, rejection.key if rejection.key is not None else _as_text(rejection.raw))


def has_rejected(connection: Connection, stream: Stream) -> bool:
    """Whether any record of the stream is set aside."""
    one = select(rejected_record.c.rejected_id).where(*of_stream(rejected_record, stream)).limit(1)
    return connection.execute(one).first() is not None


def _erased(connection: Connection, tenant: str, ids: Sequence[UUID]) -> Sequence[UUID]:
    erased = select(erased_row.c.row_id).where(
        erased_row.c.tenant_id == tenant, erased_row.c.row_id == func.any(bindparam("ids"))
    )
    return connection.execute(erased, {"ids": ids}).scalars().all()


def _as_text(raw: object) -> str:
    try:
        return orjson.dumps(raw, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):
        pass
    try:
        return json.dumps(raw, default=str)  # ASCII alone, so it can be stored and hashed
    except RecursionError:
        return '"nested too deeply to be kept"'

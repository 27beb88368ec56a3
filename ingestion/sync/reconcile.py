"""What the source no longer has: what is held, against the keys of a whole read."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from index.database import Database, clock
from index.entity_tables import EntityTables
from index.removal import mark_deleted
from index.stream import Stream
from index.stream_state import ensure_ours
from ingestion.sync.seen import SeenKeys

SHARE = 0.10
AT_LEAST = 20
_PAGE = 500


@dataclass(frozen=True)
class Removed:
    """The rows that left, or why none did."""

    rows: tuple[UUID, ...] = ()
    refusal: str | None = None


def is_too_much(held: int, missing: int) -> bool:
    """Whether so much is missing that a source in trouble is likelier than so many deletions.

    Most of what is held; or more than SHARE of it, unless it is fewer than AT_LEAST.
    """
    return missing * 2 > held or (missing >= AT_LEAST and missing > held * SHARE)


def remove_missing(
    database: Database,
    tables: EntityTables,
    stream: Stream,
    seen: SeenKeys,
    *,
    run_id: UUID,
    held: int,
    began: datetime,
    since: datetime | None,
    allow: bool,
) -> Removed:
    """Mark as deleted what did not come in a whole read that began then.

    What a sync wrote or a live read saw since `began` (all by the database's clock) stays, and so
    does what was last modified before `since`, when the read lists only later ones. Too much of
    what was `held` before the read is removed only when `allow`ed. Raises Unavailable when another
    run reads the stream by now.
    """
    missing = seen.count_missing(stream, began, since)
    if not allow and is_too_much(held, missing):
        return Removed(
            refusal=f"{missing:,} of {held:,} records held did not come, so"
            " none was removed; if the source really has them no more:"
            f" {_command(stream)} --allow-deletes"
        )
    rows: list[UUID] = []
    for keys in seen.missing(stream, began, since, _PAGE):
        with database.writing() as connection:
            ensure_ours(connection, stream, run_id)
            rows += mark_deleted(
                connection, tables, stream, keys, clock(connection), unseen_since=began
            )
    return Removed(tuple(rows))


def not_compared(stream: Stream, problem: str) -> str:
    """Why a reconcile came to nothing, and how to try it again before it is due."""
    return f"{problem}; to try it again: {_command(stream)}"


def _command(stream: Stream) -> str:
    words = ("remit", "sync", stream.source, "--stream", stream.name, "--reconcile")
    return shlex.join(words)

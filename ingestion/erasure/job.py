"""An erasure: all of it in one transaction, for good or only to see what it would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert

from index.chunks import count_chunks
from index.database import Database
from index.entity_tables import EntityTables
from index.tables import tenant as tenant_table
from ingestion.erasure.blotting import address_pattern, blot_out, count_found
from ingestion.erasure.mappings import Mapped, SourceMappings
from ingestion.erasure.opened import count_opening_chunks, opened_by, silence
from ingestion.erasure.person import find_person
from ingestion.erasure.receipt import Receipt, Unsearched, gathered, keep_receipt, take_unfinished
from ingestion.erasure.references import clear_references
from ingestion.erasure.removal import (
    count_rejected,
    lock_records,
    never_write_again,
    raw_records_of,
    remove_records,
    remove_rejected,
    remove_rows,
    written_by,
)
from ingestion.erasure.tenant_rows import HeldRow, TenantRows
from semantic_layer.model import Model

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


@dataclass(frozen=True)
class Erased:
    """What an erasure does: the rows it takes for the person's, how much of each kind it removes,
    and what it leaves because the rows in `others` have the address as well."""

    people: Sequence[HeldRow]
    removed: Mapping[str, Any]
    others: Sequence[HeldRow]
    left: Mapping[str, Any]
    unsearched_rows: Sequence[tuple[HeldRow, str]]

    @property
    def unsearched(self) -> list[Unsearched]:
        """Where words of the person may be left, and why."""
        return gathered(self.unsearched_rows)


def erase(
    database: Database,
    tables: EntityTables,
    model: Model,
    *,
    tenant: str,
    subject: str,
    actor: str,
    reason: str,
    sources: Iterable[Mapped] = (),
    unreadable: Mapping[str, str] | None = None,
) -> Receipt:
    """Erase a person: by an e-mail address all who have it, by `contact:ID` or `user:ID` that row.

    Their contact and user rows, the comments they wrote and the records of both are removed, and no
    sync and no live read writes them again. A ticket stays, without its requester and description.
    Elsewhere, also in rejected records' stead, their address is blotted out; but that of a single
    row stays where it is when other contacts or users have it too. It is all done or none of it.
    The directory is left alone, and so is the source: what changes there comes again.

    The mappings of `sources` say where in its record a description comes from; `unreadable` says
    of other sources why there is none. Of those only texts that say the same as the row are found,
    and the receipt tells it; erasing the same subject again, with the mapping, finishes it.
    `preview_erasure` tells who and what that is.

    Raises InvalidRequest when the subject names nobody in this way, and Unavailable when the
    database does not answer.
    """
    mappings = SourceMappings(sources, unreadable or {})
    with database.writing() as connection:
        connection.execute(upsert(tenant_table).values(tenant_id=tenant).on_conflict_do_nothing())
        erased = _carry_out(TenantRows(connection, tables, tenant), model, subject, mappings)
        return keep_receipt(
            connection,
            tenant,
            subject,
            actor=actor,
            reason=reason,
            removed=erased.removed,
            left=erased.left,
            unsearched=erased.unsearched_rows,
        )


def preview_erasure(
    database: Database,
    tables: EntityTables,
    model: Model,
    *,
    tenant: str,
    subject: str,
    sources: Iterable[Mapped] = (),
    unreadable: Mapping[str, str] | None = None,
) -> Erased:
    """What `erase` would do now: it is done and rolled back. Raises as `erase` does."""
    mappings = SourceMappings(sources, unreadable or {})
    with database.writing() as connection:
        erased = _carry_out(TenantRows(connection, tables, tenant), model, subject, mappings)
        connection.rollback()
    return erased


def _carry_out(held: TenantRows, model: Model, subject: str, mappings: SourceMappings) -> Erased:
    _wait_for_others(held)
    person = find_person(held, subject)
    people = [row.id for row in person.rows]
    pattern = address_pattern(person.address) if person.address is not None else None
    everywhere = pattern if not person.others else None  # None: the address is not theirs alone
    gone = [*person.rows, *written_by(held, people)]
    gone += raw_records_of(held, [row.id for row in gone], everywhere)
    unfinished = take_unfinished(held.connection, held.tenant, subject)
    opened = list(dict.fromkeys([*opened_by(held, people), *unfinished]))
    # Of a ticket that was not always mapped, the raw record has the description as well.
    stale = raw_records_of(held, [row.id for row in opened], None)
    lock_records(held, [*gone, *opened], everywhere)
    ids = [row.id for row in gone]
    chunks = count_chunks(held.connection, held.tenant, ids) + count_opening_chunks(held, opened)
    rows, records = remove_rows(held, [*gone, *stale]), remove_records(held, gone)
    never_write_again(held, ids)
    rejected = remove_rejected(held, [*ids, *(row.id for row in opened)], everywhere)
    silenced = silence(held, opened, set(unfinished), mappings)
    cleared = clear_references(held, model, people)
    redacted, left = {}, {}
    if everywhere is not None:
        redacted = blot_out(held, everywhere)
    elif pattern is not None:
        # In what they opened, the address says who that was.
        redacted = blot_out(held, pattern, within=opened)
        left = _left(held, pattern, person.others)
    removed = {
        "chunks": chunks,
        "rows": rows,
        "records": records,
        "rejected": rejected,
        "silenced": silenced.counts,
        "finished": len(set(unfinished) - {row for row, _ in silenced.unsearched}),
        "cleared": cleared,
        "redacted": redacted,
    }
    return Erased(person.rows, removed, person.others, left, silenced.unsearched)


def _left(held: TenantRows, pattern: str, others: Sequence[HeldRow]) -> dict[str, Any]:
    left = {
        "rows": dict(Counter(row.entity for row in others)),
        "addresses": count_found(held, pattern),
        "rejected": count_rejected(held, pattern),
    }
    return {kind: count for kind, count in left.items() if count}


def _wait_for_others(held: TenantRows) -> None:
    """One erasure of a tenant at a time: each goes on with what the one before left unfinished."""
    held.connection.execute(_LOCK, {"name": f"remit.erasure/{held.tenant}"})

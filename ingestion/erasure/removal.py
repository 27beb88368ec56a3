"""What goes with a person as a whole: their rows, what they wrote, and the records of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from index.tables import erased_row, rejected_record
from ingestion.erasure.tenant_rows import HeldRow, TenantRows, among, array_of, records_of
from ingestion.mapping.format import RAW_RECORD

WRITTEN = {"comment": "author_id"}
"""What a person wrote and nobody needs without them, with the column that names the writer."""


def written_by(held: TenantRows, people: Sequence[UUID]) -> list[HeldRow]:
    """The rows that they wrote."""
    return [
        row
        for entity, table in held.named(WRITTEN).items()
        for row in held.having(entity, among(table.c[WRITTEN[entity]], people))
    ]


def raw_records_of(held: TenantRows, ids: Sequence[UUID], pattern: str | None) -> list[HeldRow]:
    """What was made of the records of these rows before they were mapped and still stands, and
    records that go by an address that the pattern finds, for it cannot be blotted out of a key."""
    found: list[HeldRow] = []
    for entity, table in held.named([RAW_RECORD]).items():
        theirs: Any = among(table.c.id, ids)
        if pattern is not None:
            theirs = or_(theirs, table.c.remote_id.op("~*")(pattern))
        found += held.having(entity, theirs)
    return found


def lock_records(held: TenantRows, rows: Iterable[HeldRow], pattern: str | None) -> None:
    """Lock the records of the rows, and those that the pattern finds, in the order of their keys,
    as all writers do."""
    held.connection.execute(
        text(
            """
            SELECT FROM remit.record AS held
            WHERE tenant_id = :tenant
                AND (data::text ~* :pattern OR (source, stream, key) IN (
                    SELECT source, stream, key FROM json_to_recordset(CAST(:rows AS json))
                        AS r(source text, stream text, key text)))
            ORDER BY source, stream, key FOR UPDATE
            """
        ),
        {"tenant": held.tenant, "pattern": pattern, "rows": records_of(rows)},
    )


def remove_rows(held: TenantRows, gone: Iterable[HeldRow]) -> dict[str, int]:
    """Remove the rows; how many, by entity."""
    by_entity: dict[str, list[UUID]] = {}
    for row in gone:
        by_entity.setdefault(row.entity, []).append(row.id)
    for entity, ids in by_entity.items():
        table = held.tables[entity]
        held.connection.execute(
            delete(table).where(table.c.tenant_id == held.tenant, among(table.c.id, ids))
        )
    return {entity: len(ids) for entity, ids in by_entity.items()}


def never_write_again(held: TenantRows, ids: Sequence[UUID]) -> None:
    """See to it that no sync, replay or live read writes these rows."""
    kept = select(literal(held.tenant), func.unnest(array_of(ids)))
    held.connection.execute(
        upsert(erased_row).from_select(["tenant_id", "row_id"], kept).on_conflict_do_nothing()
    )


def remove_records(held: TenantRows, gone: Iterable[HeldRow]) -> int:
    """Remove the records of the rows; how many that were."""
    return held.connection.execute(
        text(
            """
            DELETE FROM remit.record AS held
            USING json_to_recordset(CAST(:gone AS json)) AS r(source text, stream text, key text)
            WHERE held.tenant_id = :tenant AND held.source = r.source
                AND held.stream = r.stream AND held.key = r.key
            """
        ),
        {"tenant": held.tenant, "gone": records_of(gone)},
    ).rowcount


def remove_rejected(held: TenantRows, gone: Sequence[UUID], pattern: str | None) -> int:
    """Remove what was set aside of these rows, and what the pattern finds in it; how many."""
    # What is set aside has the id that its row would have.
    theirs: Any = among(rejected_record.c.rejected_id, gone)
    if pattern is not None:
        theirs = or_(theirs, rejected_record.c.raw.op("~*")(pattern))
    removed = delete(rejected_record).where(rejected_record.c.tenant_id == held.tenant, theirs)
    return held.connection.execute(removed).rowcount


def count_rejected(held: TenantRows, pattern: str) -> int:
    """In how much of what was set aside the pattern finds something."""
    found = (rejected_record.c.tenant_id == held.tenant, rejected_record.c.raw.op("~*")(pattern))
    query = select(func.count()).select_from(rejected_record).where(*found)
    return held.connection.execute(query).scalar_one()

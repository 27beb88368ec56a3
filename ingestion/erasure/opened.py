"""What a person opened stays, without the words with which they did: in the row and its record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update

from index.chunks import count_chunks
from index.tables import record
from ingestion.erasure.blotting import without_path, without_words
from ingestion.erasure.mappings import SourceMappings
from ingestion.erasure.tenant_rows import HeldRow, TenantRows, among

OPENED = {"ticket": ("requester_id", "description")}
"""What stays without the words of the person who opened it: who that was, and the words."""


@dataclass(frozen=True)
class Silenced:
    """How many rows lost their words, by entity; and the rows of which the record was not searched
    for the same words in other forms, each with why."""

    counts: dict[str, int]
    unsearched: Sequence[tuple[HeldRow, str]]


def opened_by(held: TenantRows, people: Sequence[UUID]) -> list[HeldRow]:
    """The rows that they opened."""
    found: list[HeldRow] = []
    for entity, table in held.named(OPENED).items():
        found += held.having(entity, among(table.c[OPENED[entity][0]], people))
    return found


def count_opening_chunks(held: TenantRows, opened: Sequence[HeldRow]) -> int:
    """How many parts of these words can be searched."""
    return sum(
        count_chunks(held.connection, held.tenant, _ids(opened, entity), fields=[OPENED[entity][1]])
        for entity in held.named(OPENED)
    )


def silence(
    held: TenantRows,
    opened: Sequence[HeldRow],
    unfinished: Collection[HeldRow],
    mappings: SourceMappings,
) -> Silenced:
    """Take the words out of the rows, and out of their records wherever a mapping finds them; of
    the unfinished, the record is searched though the row has no words any more."""
    counts: dict[str, int] = {}
    unsearched: list[tuple[HeldRow, str]] = []
    for entity, table in held.named(OPENED).items():
        words = table.c[OPENED[entity][1]]
        theirs = (
            table.c.tenant_id == held.tenant,
            among(table.c.id, _ids(opened, entity)),
            words.is_not(None),
        )
        query = select(table.c.id, words.label("words")).where(*theirs)
        said = {found.id: found.words for found in held.connection.execute(query)}
        for row in opened:
            if row.entity != entity or (row.id not in said and row not in unfinished):
                continue
            paths = mappings.paths(row, words.name)
            held_there = _silence_record(held, row, said.get(row.id), paths or [])
            if held_there and paths is None:
                unsearched.append((row, mappings.why_unknown(row, words.name)))
        silenced = update(table).where(*theirs).values({words: None})
        counts[entity] = held.connection.execute(silenced).rowcount
    return Silenced({entity: count for entity, count in counts.items() if count}, unsearched)


def _silence_record(
    held: TenantRows, row: HeldRow, said: str | None, paths: Sequence[Sequence[str]]
) -> bool:
    """Take the words out of the record of a row; returns whether it is held."""
    its = (
        record.c.tenant_id == held.tenant,
        record.c.source == row.source,
        record.c.stream == row.stream,
        record.c.key == row.key,
    )
    data = held.connection.execute(select(record.c.data).where(*its)).scalar_one_or_none()
    if data is None:
        return False
    if said is not None:
        data = without_words(data, said)
    for path in paths:  # the same in HTML, for instance, need not say just the same
        data = without_path(data, path)
    # The hash stays, so that only a change at the source brings it again.
    held.connection.execute(update(record).where(*its).values(data=data))
    return True


def _ids(rows: Sequence[HeldRow], entity: str) -> list[UUID]:
    return [row.id for row in rows if row.entity == entity]

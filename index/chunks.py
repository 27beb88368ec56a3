"""Texts cut into chunks: each is a part of one field of one row, short enough to be embedded whole.

The rows that are due are noted by the trigger that watches them (`index.text_watch`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Connection, Uuid, func, literal, or_, select, text

from index.entity_tables import ENTITY_SCHEMA, EntityTables
from index.text_tables import chunk, embedding_model
from index.text_watch import watched_texts

SIZE = 750
"""Bytes of UTF-8 in a chunk: in any script these are at most about as many tokens as small models
read (256), for a letter of two or three bytes is often a token of its own."""

OVERLAP = 100
"""Bytes that a chunk repeats of the one before, so that what stands at the cut is found whole."""

MOST = 400
"""Chunks of one text. A longer one, of some 300,000 bytes, is cut that far."""

# Where a text may end, the best first: between paragraphs, between sentences, between words.
_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n|[.!?…]+[\"')\]]*\s+|[。！？]+"),
    re.compile(r"\s+"),
)
_LETTER = re.compile(r"\S")


class Span(NamedTuple):
    """A part of a text, in characters."""

    begins: int
    length: int


class Cut(NamedTuple):
    """How many rows were taken, and how many chunks were made of them."""

    rows: int
    chunks: int


def cut(text: str) -> Iterator[Span]:
    """The parts of a text, none blank, at most `SIZE` bytes each and `MOST` of them."""
    begins = 0
    for _ in range(MOST):
        letter = _LETTER.search(text, begins)
        if letter is None:
            return
        begins = letter.start()
        room = _fitting(text, begins, SIZE)
        rest = begins + room >= len(text)
        ends = len(text) if rest else begins + _break(text[begins : begins + room])
        part = text[begins:ends].rstrip()
        yield Span(begins, len(part))
        if rest:
            return
        begins = _repeated_from(text, begins, ends)


def _fitting(text: str, begins: int, size: int) -> int:
    """How many characters from there fit into so many bytes, one at least."""
    window = text[begins : begins + size].encode()
    return max(1, len(window[:size].decode(errors="ignore")))


def _break(window: str) -> int:
    """Where the part of a text ends that fills a window: in its second half, if it can be."""
    half = len(window) // 2
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(window) if found.end() > half]
        if ends:
            return ends[-1]
    return len(window)


def _repeated_from(text: str, begins: int, ends: int) -> int:
    """Where the next part begins: some words before the end of this one, but after a paragraph at
    its end."""
    if _BREAKS[0].search(text[max(begins, ends - 10) : ends]):
        return ends
    tail = text[begins:ends].encode()[-OVERLAP:].decode(errors="ignore")
    space = _BREAKS[2].search(tail)
    start = ends - len(tail) + (space.end() if space else 0)
    # A text without spaces repeats some letters; and each part begins behind the one before.
    return start if begins < start < ends else ends


def cut_due(connection: Connection, tables: EntityTables, *, limit: int = 200) -> Cut:
    """Cut the texts of some rows that are due, in this transaction; what is cut already stays.

    Any number of processes may do so at once. A sync that changes one of these rows waits for the
    end of the transaction, so it should be over soon. Entities of which the database watches other
    fields are left to those who know that model.
    """
    due = _take(connection, watched_entities(connection, tables), limit)
    chunks = [
        one
        for (tenant, entity), ids in due.items()
        for one in _cut_rows(connection, tables, tenant, entity, ids)
    ]
    made = _insert(connection, chunks) if chunks else 0
    return Cut(sum(map(len, due.values())), made)


def count_chunks(
    connection: Connection, tenant: str, rows: Sequence[UUID], *, fields: Sequence[str] = ()
) -> int:
    """How many chunks there are of rows, or only of these fields."""
    mine = chunk.c.row_id == func.any(literal(list(rows), ARRAY(Uuid)))
    found = select(func.count()).where(chunk.c.tenant_id == tenant, mine)
    if fields:
        found = found.where(chunk.c.field.in_(fields))
    return connection.execute(found).scalar_one()


def watched_entities(connection: Connection, tables: EntityTables) -> list[str]:
    """The entities of which the database watches just the fields that are searched here.

    Of the others, the model here is older or newer than the one that was migrated last.
    """
    watched = watched_texts(connection, ENTITY_SCHEMA)
    return [name for name, fields in tables.searchable.items() if watched.get(name) == fields]


def text_hash(part: str) -> bytes:
    """What equal texts have in common."""
    return blake2b(part.encode(), digest_size=16).digest()


_TAKE = text(
    """
    WITH next AS (
        SELECT tenant_id, entity, row_id FROM remit.chunk_due
        WHERE entity = ANY (:entities) LIMIT :limit FOR UPDATE SKIP LOCKED)
    DELETE FROM remit.chunk_due AS due USING next
    WHERE (due.tenant_id, due.entity, due.row_id) = (next.tenant_id, next.entity, next.row_id)
    RETURNING due.tenant_id, due.entity, due.row_id
    """
)


def _take(
    connection: Connection, entities: Sequence[str], limit: int
) -> dict[tuple[str, str], list[UUID]]:
    """Ids of rows that are due, by tenant and entity; in this transaction they are ours."""
    found: dict[tuple[str, str], list[UUID]] = {}
    given = {"entities": entities, "limit": limit}
    for tenant, entity, row in connection.execute(_TAKE, given):
        found.setdefault((tenant, entity), []).append(row)
    return found


def _cut_rows(
    connection: Connection, tables: EntityTables, tenant: str, entity: str, ids: Sequence[UUID]
) -> Iterator[dict[str, Any]]:
    table, fields = tables[entity], tables.searchable[entity]
    some = or_(*(table.c[name].is_not(None) for name in fields))
    # As much of a text as can be cut at most: some are of megabytes.
    texts = (func.left(table.c[name], MOST * SIZE) for name in fields)
    rows = select(table.c.id, *texts).where(
        table.c.tenant_id == tenant,
        table.c.id == func.any(literal(list(ids), ARRAY(Uuid))),
        table.c.deleted_at.is_(None),
        some,
    )
    for row, *values in connection.execute(rows):
        for name, value in zip(fields, values, strict=True):
            for part, span in enumerate(cut(value or "")):
                said = value[span.begins : span.begins + span.length]
                yield {
                    "tenant_id": tenant,
                    "entity": entity,
                    "row_id": row,
                    "field": name,
                    "part": part,
                    "begins": span.begins,
                    "length": span.length,
                    "hash": text_hash(said).hex(),
                }


_INSERT = text(
    """
    WITH made AS (
        INSERT INTO remit.chunk
            (tenant_id, entity, row_id, field, part, begins, length, text_hash)
        SELECT tenant_id, entity, row_id, field, part, begins, length, decode(hash, 'hex')
        FROM json_to_recordset(CAST(:chunks AS json)) AS r(
            tenant_id text, entity text, row_id uuid, field text, part integer, begins integer,
            length integer, hash text)
        ON CONFLICT DO NOTHING
        RETURNING tenant_id, chunk_id),
    due AS (
        INSERT INTO remit.embedding_due (tenant_id, chunk_id, model_id)
        SELECT tenant_id, chunk_id, model_id FROM made CROSS JOIN unnest(
            CAST(:models AS integer[])) AS model_id)
    SELECT count(*) FROM made
    """
)


def _insert(connection: Connection, chunks: Sequence[dict[str, Any]]) -> int:
    # Locks the table against a model that begins now: it would not see these chunks, nor we it.
    models = (
        select(embedding_model.c.model_id)
        .where(embedding_model.c.state != "retired")
        .with_for_update(read=True, key_share=True)
    )
    given = {
        "models": list(connection.execute(models).scalars()),
        "chunks": orjson.dumps(chunks).decode(),
    }
    made: int = connection.execute(_INSERT, given).scalar_one()
    return made

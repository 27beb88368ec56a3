"""What is due to be embedded: taken a batch at a time, by as many processes as there are.

A batch is taken for a while and no transaction stays open, so a process that is killed only leaves
it to be taken again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, select, text, tuple_, update

from index.chunks import watched_entities
from index.embedding.models import EmbeddingModel, all_models, is_paused
from index.entity_tables import EntityTables
from index.text_tables import chunk, chunk_due, embedding, embedding_due, embedding_model


class Waiting(NamedTuple):
    """A chunk that is taken, with its text, or with the vector of an equal text."""

    tenant: str
    chunk_id: int
    text_hash: bytes
    text: str
    vector: str | None  # as Postgres writes it


@dataclass(frozen=True)
class ModelBacklog:
    """How far a model is."""

    model: EmbeddingModel
    embedded: int
    due: int
    rate: float | None  # chunks that one process embedded a second, lately
    problem: str | None  # why a process could not embed; None since one did

    @property
    def time_left(self) -> timedelta | None:
        """How long one process takes for what is due, None if that cannot be told."""
        if not self.due:
            return timedelta()
        return timedelta(seconds=round(self.due / self.rate)) if self.rate else None


@dataclass(frozen=True)
class Backlog:
    """What is still to be done."""

    rows: int  # with texts that are to be cut
    models: tuple[ModelBacklog, ...]
    paused: bool


_CLAIM = text(
    """
    WITH next AS (
        SELECT tenant_id, chunk_id FROM remit.embedding_due
        WHERE model_id = :model AND (taken_until IS NULL OR taken_until < now())
        ORDER BY chunk_id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE remit.embedding_due AS due SET taken_until = now() + :lease FROM next
    WHERE due.model_id = :model
        AND (due.tenant_id, due.chunk_id) = (next.tenant_id, next.chunk_id)
    RETURNING due.tenant_id, due.chunk_id
    """
)

# An equal text of the same tenant, in another row or field, has the same vector.
_TAKEN = text(
    """
    SELECT held.tenant_id, held.chunk_id, held.entity, held.field, held.text_hash,
        (SELECT made.vector::text FROM remit.chunk AS twin
            JOIN remit.embedding AS made
                ON (made.tenant_id, made.chunk_id) = (twin.tenant_id, twin.chunk_id)
            WHERE twin.tenant_id = held.tenant_id AND twin.text_hash = held.text_hash
                AND made.model_id = :model LIMIT 1) AS vector
    FROM remit.chunk AS held
    WHERE held.tenant_id = :tenant AND held.chunk_id = ANY (:ids)
    """
)

_STORE = text(
    """
    WITH given AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:vectors AS json))
            AS r(tenant_id text, chunk_id bigint, vector text)),
    held AS (
        SELECT held.tenant_id, held.chunk_id FROM remit.chunk AS held
        JOIN given USING (tenant_id, chunk_id) FOR KEY SHARE OF held SKIP LOCKED),
    done AS (
        DELETE FROM remit.embedding_due AS due USING held
        WHERE due.model_id = :model
            AND (due.tenant_id, due.chunk_id) = (held.tenant_id, held.chunk_id)
        RETURNING due.tenant_id, due.chunk_id)
    INSERT INTO remit.embedding (tenant_id, chunk_id, model_id, vector)
    SELECT tenant_id, chunk_id, :model, given.vector::halfvec
    FROM done JOIN given USING (tenant_id, chunk_id)
    ON CONFLICT DO NOTHING
    """
)


def claim(
    connection: Connection,
    tables: EntityTables,
    model: EmbeddingModel,
    *,
    limit: int,
    lease: timedelta,
) -> list[Waiting]:
    """Take chunks that are due for a model, the oldest first; nobody else does until the lease
    ends. Locked ones are passed over."""
    given = {"model": model.id, "limit": limit, "lease": lease}
    by_tenant: dict[str, list[int]] = {}
    for tenant, chunk_id in connection.execute(_CLAIM, given):
        by_tenant.setdefault(tenant, []).append(chunk_id)
    return [
        waiting
        for tenant, ids in by_tenant.items()
        for waiting in _taken(connection, tables, model, tenant, ids)
    ]


def _taken(
    connection: Connection,
    tables: EntityTables,
    model: EmbeddingModel,
    tenant: str,
    ids: Sequence[int],
) -> list[Waiting]:
    given = {"model": model.id, "tenant": tenant, "ids": ids}
    rows = connection.execute(_TAKEN, given).all()
    places = {(row.entity, row.field) for row in rows if row.vector is None}
    texts: dict[int, str] = {}
    for entity, field in places:
        if field in tables.searchable.get(entity, ()):
            texts |= _texts(connection, tables, tenant, entity, field, ids)
    return [
        Waiting(row.tenant_id, row.chunk_id, bytes(row.text_hash), said or "", row.vector)
        for row in rows
        if (said := texts.get(row.chunk_id)) is not None or row.vector is not None
    ]


def _texts(
    connection: Connection,
    tables: EntityTables,
    tenant: str,
    entity: str,
    field: str,
    ids: Sequence[int],
) -> Mapping[int, str]:
    table = tables[entity]
    part = func.substr(table.c[field], chunk.c.begins + 1, chunk.c.length)
    found = (
        select(chunk.c.chunk_id, part)
        .join(table, (table.c.tenant_id == chunk.c.tenant_id) & (table.c.id == chunk.c.row_id))
        .where(
            chunk.c.tenant_id == tenant,
            chunk.c.chunk_id.in_(ids),
            chunk.c.entity == entity,
            chunk.c.field == field,
        )
    )
    return dict(connection.execute(found).tuples().all())


def store(
    connection: Connection,
    model: EmbeddingModel,
    vectors: Sequence[tuple[Waiting, str]],
    *,
    rate: float | None = None,
) -> int:
    """Keep the vectors of chunks that are still there and still due; returns how many.

    What is being changed at this moment is passed over, so nobody waits for this and this waits
    for nobody. `rate` is how many were made a second, if any were made now.
    """
    given: list[dict[str, Any]] = [
        {"tenant_id": waiting.tenant, "chunk_id": waiting.chunk_id, "vector": vector}
        for waiting, vector in vectors
    ]
    kept = connection.execute(
        _STORE, {"model": model.id, "vectors": orjson.dumps(given).decode()}
    ).rowcount
    if rate is not None:
        mine = update(embedding_model).where(embedding_model.c.model_id == model.id)
        connection.execute(mine.values(rate=rate, problem=None))
    return kept


def note_problem(connection: Connection, model: EmbeddingModel, problem: str) -> None:
    """Keep why a process could not embed by the model, until one does."""
    mine = update(embedding_model).where(embedding_model.c.model_id == model.id)
    connection.execute(mine.values(problem=problem))


def release(connection: Connection, model: EmbeddingModel, taken: Sequence[Waiting]) -> None:
    """Leave what was taken to others at once."""
    due = embedding_due.c
    # One that is being removed at this moment is passed over, as always.
    mine = (
        select(due.tenant_id, due.chunk_id)
        .where(due.model_id == model.id, due.chunk_id.in_([one.chunk_id for one in taken]))
        .with_for_update(skip_locked=True)
    )
    free = update(embedding_due).where(
        due.model_id == model.id, tuple_(due.tenant_id, due.chunk_id).in_(mine)
    )
    connection.execute(free.values(taken_until=None))


def backlog(connection: Connection) -> Backlog:
    """How much is due and how much is done; counts all of it."""
    counts = select(func.count())
    told = select(embedding_model.c.model_id, embedding_model.c.rate, embedding_model.c.problem)
    lately = {of: (rate, problem) for of, rate, problem in connection.execute(told).tuples()}
    models = []
    for model in all_models(connection):
        embedded, due = (
            connection.execute(
                counts.select_from(table).where(table.c.model_id == model.id)
            ).scalar_one()
            for table in (embedding, embedding_due)
        )
        models.append(ModelBacklog(model, embedded, due, *lately.get(model.id, (None, None))))
    rows = connection.execute(counts.select_from(chunk_due)).scalar_one()
    return Backlog(rows, tuple(models), is_paused(connection))


_DUE = text(
    """
    SELECT NOT EXISTS (SELECT FROM remit.embedding_pause) AND (
        EXISTS (SELECT FROM remit.chunk_due WHERE entity = ANY (:entities))
        OR EXISTS (SELECT FROM remit.embedding_model AS model WHERE
            state <> 'retired' AND EXISTS (SELECT FROM remit.embedding_due AS due
                WHERE due.model_id = model.model_id
                    AND (taken_until IS NULL OR taken_until < now()))
            OR state = 'building' AND NOT EXISTS (SELECT FROM remit.embedding_due AS due
                WHERE due.model_id = model.model_id)))
    """
)


def is_anything_due(connection: Connection, tables: EntityTables) -> bool:
    """Whether there is something to do that nobody is at, and no pause."""
    entities = watched_entities(connection, tables)
    found: bool = connection.execute(_DUE, {"entities": entities}).scalar_one()
    return found

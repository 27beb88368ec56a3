"""The texts that are nearest to a vector, among those that somebody may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, literal, select

from index.embedding.models import MODEL_COLUMNS, EmbeddingModel
from index.errors import InvalidRequest
from index.text_tables import chunk, embedding, embedding_model

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_FARTHEST = 2.0  # in the opposite direction


@dataclass(frozen=True)
class VisibleTexts:
    """What somebody may search of an entity: `rows` selects the ids of the rows that they see, and
    `fields` are those that they read in the clear on every row."""

    tenant: str
    entity: str
    rows: Select[tuple[UUID]]
    fields: frozenset[str]


class Hit(NamedTuple):
    """A part of a field of a row, and how far it is: 0 for the same direction, up to 2."""

    row_id: UUID
    field: str
    begins: int
    length: int
    distance: float


async def serving_model(connection: AsyncConnection) -> EmbeddingModel | None:
    """The model that search stands on: what is looked for has to be embedded by it. None until the
    first text was embedded."""
    serving = select(*MODEL_COLUMNS).where(embedding_model.c.state == "serving")
    row = (await connection.execute(serving)).one_or_none()
    return EmbeddingModel(*row) if row is not None else None


async def nearest(
    connection: AsyncConnection,
    visible: VisibleTexts,
    model: EmbeddingModel,
    vector: Sequence[float],
    *,
    limit: int,
) -> list[Hit]:
    """The parts of texts that are nearest to a vector of the model, the nearest first.

    Exact: each part that may be seen is compared, and no other. What the model makes nothing of is
    near to nothing. Raises InvalidRequest for a vector that is not of the model's dimensions.
    """
    if len(vector) != model.dimensions:
        raise InvalidRequest(
            f"A vector of {model.name} has {model.dimensions} numbers, and this one {len(vector)}:"
            " embed the words by the model that serves."
        )
    rows = visible.rows.subquery()
    (row_id,) = rows.c
    # Not by the indexed expression: an index chooses before it is known what may be seen.
    distance: Any = embedding.c.vector.cosine_distance(
        literal(list(vector), embedding.c.vector.type)
    )
    found = (
        select(
            chunk.c.row_id,
            chunk.c.field,
            chunk.c.begins,
            chunk.c.length,
            distance.label("distance"),
            chunk.c.chunk_id,
        )
        .select_from(rows)
        .join(chunk, chunk.c.row_id == row_id)
        .join(
            embedding,
            (embedding.c.tenant_id == chunk.c.tenant_id)
            & (embedding.c.chunk_id == chunk.c.chunk_id),
        )
        .where(
            chunk.c.tenant_id == visible.tenant,
            chunk.c.entity == visible.entity,
            chunk.c.field.in_(sorted(visible.fields)),
            embedding.c.model_id == model.id,
        )
        .order_by(distance, chunk.c.chunk_id)
        .limit(limit)
        .subquery()
    )
    # Distances from zeros are no numbers, which come last: what is nearest is not cut short.
    hits = select(*found.c[:5]).where(found.c.distance <= _FARTHEST)
    hits = hits.order_by(found.c.distance, found.c.chunk_id)
    return [Hit(*row) for row in await connection.execute(hits)]

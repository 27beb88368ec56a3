"""A few of the rows that somebody gains or loses, for an approver who may see them already."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from uuid import UUID

from sqlalchemy import Connection, select

from access_policies import Visibility
from index.predicate import NEVER, Predicate, conjoin
from semantic_layer.impact import Sample
from semantic_layer.model import Entity
from semantic_layer.place import Frame
from semantic_layer.row_truths import Bits, RowTruths
from semantic_layer.scope import Scope


class RowSamples:
    """The first rows by id of those gained and of those lost, as far as the approver reads their
    titles in the clear."""

    def __init__(self, entity: Entity, seen: Visibility | None, most: int) -> None:
        """`seen` is what the approver sees; None samples nothing."""
        self._entity = entity
        self._seen = seen
        self._most = most
        self._gained: list[UUID] = []
        self._lost: list[UUID] = []
        self.readable: Predicate = NEVER
        if seen is not None and most:
            mask = seen.masks.get(entity.title)
            self.readable = conjoin([seen.rows, mask.clear] if mask else [seen.rows])

    @property
    def wanted(self) -> bool:
        """Whether there can be any."""
        return self.readable != NEVER

    def offer(self, rows: RowTruths, gained: int, lost: int) -> None:
        """Choose among a batch of rows."""
        if self.wanted:
            readable = rows.where(self.readable)
            self._gained = self._first(self._gained, rows, Bits(gained & readable))
            self._lost = self._first(self._lost, rows, Bits(lost & readable))

    def read(
        self, connection: Connection, frame: Frame
    ) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
        """The gained and the lost rows, as the approver may read them."""
        gained = self._read(connection, frame, self._gained)
        return gained, self._read(connection, frame, self._lost)

    def _first(self, ids: list[UUID], rows: RowTruths, chosen: Bits) -> list[UUID]:
        return nsmallest(self._most, [*ids, *rows.ids(chosen)])

    def _read(
        self, connection: Connection, frame: Frame, ids: Sequence[UUID]
    ) -> tuple[Sample, ...]:
        if self._seen is None or not ids:
            return ()
        scope = Scope(frame, self._entity, self._seen)
        clear = scope.in_clear(self._entity.title)
        shown = select(scope.table.c.id, scope.table.c[self._entity.title])
        kept = (*scope.conditions, clear, scope.table.c.id.in_(ids))
        found = connection.execute(shown.select_from(scope.source).where(*kept))
        return tuple(Sample(id, str(title)) for id, title in sorted(found.tuples()))

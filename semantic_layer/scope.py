"""One entity at one place of a statement: its table, the joins it needs, and what restricts it.

This is where a visibility becomes SQL. Whoever wants rows of an entity goes through a scope, and a
scope cannot be had without a visibility.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, true

from access_policies import Mask, Visibility
from index.errors import NotPermitted
from index.predicate import Predicate, filter_sql
from semantic_layer.model import Entity
from semantic_layer.names import camel
from semantic_layer.place import EntityPlace, Frame, Join, Tie


class Scope(EntityPlace):
    """The rows of an entity that a caller may see, at one place of a statement."""

    def __init__(
        self,
        frame: Frame,
        entity: Entity,
        visibility: Visibility,
        *,
        chosen: FromClause | None = None,
    ) -> None:
        """`chosen` is a sub-select of rows that another scope has already restricted."""
        table = frame.tables[entity.name].alias() if chosen is None else chosen
        super().__init__(frame, entity.spec, table)
        self.entity = entity
        self.visibility = visibility
        self.parent: FromClause | None = None
        self.cutoff: datetime | None = None  # rows known only from before it are marked stale
        self._conditions: list[ColumnElement[bool]] = []
        self._seen = EntityPlace(frame, entity.spec, table, as_caller=True)
        if chosen is None:
            self._conditions += [table.c.tenant_id == frame.tenant, table.c.deleted_at.is_(None)]
            self._conditions.append(filter_sql(visibility.rows, self, frame.now))

    @property
    def joins(self) -> tuple[Join, ...]:
        return (*super().joins, *self._seen.joins)

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """All that a row of this scope must fulfil."""
        return tuple(self._conditions)

    def restrict(self, predicate: Predicate) -> None:
        """Keep only rows of which the predicate is true, as far as the caller can see."""
        self._conditions.append(filter_sql(predicate, self._seen, self._frame.now))

    def tie(self, tie: Tie) -> None:
        """Keep only rows that hang below the parent row."""
        self.parent = tie.parent
        self.hang(tie)
        self._conditions.append(tie.condition)

    def require_clear(self, name: str, use: str) -> None:
        """Refuse to filter or sort by a field that the caller may not read in the clear."""
        if not self.visibility.clear(name):
            raise NotPermitted(
                f"{self.entity.plural} cannot be {use} by {camel(name)!r}: you do not see that"
                " field in full on every row. Leave it out, or ask a data owner for access to it."
            )

    def in_clear(self, name: str) -> ColumnElement[bool]:
        """True of the rows in which the field is shown as it is."""
        mask = self.visibility.masks.get(name)
        return true() if mask is None else filter_sql(mask.clear, self, self._frame.now)

    def masked(
        self,
        name: str,
        value: ColumnElement[Any],
        shown: Callable[[Mask], ColumnElement[Any]] | None = None,
    ) -> ColumnElement[Any]:
        """What the caller may read of a field's value; `shown` says how a masked one looks, where
        the value is not simply the field's column."""
        mask = self.visibility.masks.get(name)
        return value if mask is None else mask.sql(value, self, self._frame.now, shown)

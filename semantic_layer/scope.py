"""One entity at one place of a statement: its table, the joins it needs, and what restricts it.

This is where a visibility becomes SQL. Whoever wants rows of an entity goes through a scope, and a
scope cannot be had without a visibility.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, and_, literal, null, true

from access_policies import FieldMask, Mask, Visibility
from index.errors import NotPermitted
from index.predicate import Predicate, filter_sql
from semantic_layer.model import Entity
from semantic_layer.names import camel
from semantic_layer.place import EntityPlace, Frame, Join, Tie
from semantic_layer.restriction import restriction


class Scope(EntityPlace):
    """The rows of an entity that a caller may see, at one place of a statement."""

    def __init__(
        self,
        frame: Frame,
        entity: Entity,
        visibility: Visibility,
        *,
        chosen: FromClause | None = None,
        number: int | None = None,
    ) -> None:
        """`chosen` is a sub-select of rows that another scope has already restricted. `number` is
        that of the scope among those of the entity in its statement, if its restriction may be
        kept for other statements."""
        self.entity = entity
        self.visibility = visibility
        self.parent: FromClause | None = None
        self.cutoff: datetime | None = None  # rows known only from before it are marked stale
        self._conditions: list[ColumnElement[bool]] = []
        self._idles: dict[str, Sequence[ColumnElement[bool]]] = {}
        if chosen is None:
            made = restriction(frame, entity.spec, visibility, number)
            super().__init__(frame, entity.spec, made.place.table)
            self._joins += made.place._joins
            self._ends |= made.place._ends
            self._conditions += made.conditions
        else:
            super().__init__(frame, entity.spec, chosen)
        self._seen = EntityPlace(frame, entity.spec, self.table, as_caller=True)

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
                f"{self.entity.plural_words} cannot be {use} by {camel(name)!r}: you do not see"
                " that field in full on every row. Leave it out, or ask a data owner for access"
                " to it."
            )

    def in_clear(self, name: str) -> ColumnElement[bool]:
        """True of the rows in which the field is shown as it is."""
        mask = self.visibility.masks.get(name)
        return true() if mask is None else and_(*self._idle(name, mask))

    def mask_of(self, name: str) -> ColumnElement[Any]:
        """How the field is masked on the row, in words; null where it is shown as it is."""
        mask = self.visibility.masks.get(name)
        if mask is None:
            return null()
        return mask.cases(null(), self._idle(name, mask), lambda each: literal(str(each), Text))

    def masked(
        self,
        name: str,
        value: ColumnElement[Any],
        shown: Callable[[Mask], ColumnElement[Any]] | None = None,
    ) -> ColumnElement[Any]:
        """What the caller may read of a field's value; `shown` says how a masked one looks, where
        the value is not simply the field's column."""
        mask = self.visibility.masks.get(name)
        if mask is None:
            return value
        show = shown or (lambda each: each.sql(value, mask.key))
        return mask.cases(value, self._idle(name, mask), show)

    def _idle(self, name: str, mask: FieldMask) -> Sequence[ColumnElement[bool]]:
        """For each mask of a field, true of the rows to which it does not apply; written once,
        however often the field and the names of hidden fields are asked for."""
        if name not in self._idles:
            self._idles[name] = mask.idle(self, self._frame.now)
        return self._idles[name]

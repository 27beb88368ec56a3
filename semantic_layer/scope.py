"""One entity at one place of a statement: its table, the joins it needs, and what restricts it.

This is where a visibility becomes SQL. Whoever wants rows of an entity goes through a scope, and a
scope cannot be had without a visibility.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, true

from access_policies import Visibility
from index.entity_tables import EntityTables
from index.errors import NotPermitted
from index.predicate import Predicate, to_sql
from index.specs import RelationSpec
from index.tables import identity_link
from semantic_layer.model import Entity
from semantic_layer.names import camel


@dataclass(frozen=True)
class Frame:
    """What all scopes of one statement share."""

    tables: EntityTables
    tenant: str
    now: datetime


@dataclass(frozen=True)
class Tie:
    """What ties a scope to the row it hangs below: a condition, perhaps through a joined table."""

    parent: FromClause
    condition: ColumnElement[bool]
    through: FromClause | None = None
    through_on: ColumnElement[bool] | None = None


class Scope:
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
        self.entity = entity
        self.visibility = visibility
        self.table: FromClause = frame.tables[entity.name].alias() if chosen is None else chosen
        self.parent: FromClause | None = None
        self.cutoff: datetime | None = None  # rows known only from before it are marked stale
        self._frame = frame
        self._source: FromClause = self.table
        self._hops: dict[str, FromClause] = {}
        self._conditions: list[ColumnElement[bool]] = []
        if chosen is None:
            self._conditions += [
                self.table.c.tenant_id == frame.tenant,
                self.table.c.deleted_at.is_(None),
            ]
            self.restrict(visibility.rows)

    @property
    def source(self) -> FromClause:
        """The table with the joins that predicates and masks have asked for so far."""
        return self._source

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """All that a row of this scope must fulfil."""
        return tuple(self._conditions)

    def restrict(self, predicate: Predicate) -> None:
        """Keep only rows of which the predicate is true."""
        self._conditions.append(to_sql(predicate, self.column, self._frame.now))

    def tie(self, tie: Tie) -> None:
        """Keep only rows that hang below the parent row."""
        self.parent = tie.parent
        if tie.through is not None:
            self._source = self._source.join(tie.through, tie.through_on)
        self._conditions.append(tie.condition)

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        """The raw column of a field, for predicates.

        One hop away it comes by a left join, which never multiplies rows; an absent or deleted
        parent leaves null, so that what is asked of it is unknown.
        """
        if len(path) == 1:
            return self.table.c[path[0]]
        relation, name = path
        if relation not in self._hops:
            self._hops[relation] = self._join_parent(self.entity.spec.relations[relation])
        return self._hops[relation].c[name]

    def _join_parent(self, relation: RelationSpec) -> FromClause:
        parent = self._frame.tables[relation.target].alias()
        key: ColumnElement[Any] = self.table.c[relation.column]
        if relation.through_identity:
            links = identity_link.alias()
            joined = and_(links.c.tenant_id == self._frame.tenant, links.c.member_id == key)
            self._source = self._source.outerjoin(links, joined)
            key = links.c.customer_id
        alive = and_(parent.c.tenant_id == self._frame.tenant, parent.c.deleted_at.is_(None))
        self._source = self._source.outerjoin(parent, and_(parent.c.id == key, alive))
        return parent

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
        return true() if mask is None else to_sql(mask.clear, self.column, self._frame.now)

    def masked(self, name: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """What the caller may read of a field's value."""
        mask = self.visibility.masks.get(name)
        return value if mask is None else mask.sql(value, self.column, self._frame.now)

"""One row of an entity at a place of a statement, and the ways that lead from it to other rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, literal, select, true

from index.entity_tables import EntityTables
from index.predicate import Place
from index.specs import EntitySpec, EntitySpecs, RelationSpec
from index.tables import identity_link

Visible = Callable[[str, FromClause], ColumnElement[bool]]
"""Whether a caller may see the row that a table of an entity stands for."""


Use = tuple[Hashable, ...]


def alias(table: Table, use: Use | None) -> FromClause:
    """The table under an alias of its own: for each use always the same, as making one takes longer
    than most conditions do. No two places of a statement may have the same use."""
    return table.alias() if use is None else _kept_alias(table, use)


@lru_cache(maxsize=4_096)
def _kept_alias(table: Table, _use: Use) -> FromClause:
    return table.alias()


@dataclass(frozen=True)
class Frame:
    """What all places of one statement share."""

    specs: EntitySpecs
    tables: EntityTables
    tenant: str
    now: datetime
    visible: Visible


@dataclass(frozen=True)
class Tie:
    """What ties a place to the row it hangs below: a condition, perhaps through a joined table."""

    parent: FromClause
    condition: ColumnElement[bool]
    through: FromClause | None = None
    through_on: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Join:
    """A table that has been joined to a place's own."""

    table: FromClause
    on: ColumnElement[bool] | None
    outer: bool


class EntityPlace:
    """A table of an entity with the joins that predicates and masks ask for: a `Place`.

    Policies look at the rows behind relations as they are. A caller's own conditions see there only
    what the caller may see (`as_caller`), or a filter would tell what a hidden row holds.
    """

    def __init__(
        self,
        frame: Frame,
        spec: EntitySpec,
        table: FromClause,
        *,
        as_caller: bool = False,
        use: Use | None = None,
    ) -> None:
        """`use` names the place, if what it joins may have aliases that are kept: see `alias`."""
        self.spec = spec
        self.table = table
        self._frame = frame
        self._as_caller = as_caller
        self._use = use
        self._aliases = 0
        self._joins: list[Join] = []
        self._ends: dict[tuple[str, ...], tuple[EntitySpec, FromClause]] = {(): (spec, table)}

    @property
    def joins(self) -> tuple[Join, ...]:
        """What predicates and masks have asked for so far."""
        return tuple(self._joins)

    @property
    def source(self) -> FromClause:
        """The table with its joins."""
        source = self.table
        for join in self.joins:
            source = source.join(join.table, join.on, isouter=join.outer)
        return source

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        """The raw column of a field, for predicates.

        Behind a relation it comes by a left join, one a path, which never multiplies rows; an
        absent or deleted parent leaves null, so that what is asked of it is unknown.
        """
        return self._end(path[:-1])[1].c[path[-1]]

    def present(self, path: tuple[str, ...]) -> ColumnElement[bool]:
        """Whether the row at the end of a path is there."""
        return self._end(path)[1].c.id.is_not(None)

    def target(self, path: tuple[str, ...]) -> EntitySpec:
        """The entity at the end of a path over relations to one row."""
        return self._end(path)[0]

    def exists(
        self, path: tuple[str, ...], condition: Callable[[Place], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        """Whether the condition is true of some row at the end of a path to many."""
        return self.rows(path, lambda _there: literal(1), condition).exists()

    def rows(
        self,
        path: tuple[str, ...],
        value: Callable[[EntityPlace], ColumnElement[Any]],
        condition: Callable[[EntityPlace], ColumnElement[bool]] = lambda _there: true(),
    ) -> Select[Any]:
        """A value of the rows at the end of a path to many, to stand inside this statement."""
        spec, near = self._end(path[:-1])
        relation = spec.relations[path[-1]]
        far = self._alias(self._frame.tables[relation.target])
        target = self._frame.specs[relation.target]
        use = None if self._use is None else (self._use, self._aliases)
        there = EntityPlace(self._frame, target, far, as_caller=self._as_caller, use=use)
        tie = tie_between(relation, near, far, self._frame.tenant)
        there.hang(tie)
        shown, holds = value(there), condition(there)  # both may ask for joins
        rows = select(shown).select_from(there.source)
        return rows.where(self._there(target, far), tie.condition, holds).correlate(near)

    def hang(self, tie: Tie) -> None:
        """Join what the tie goes through; its condition is for the caller to add."""
        if tie.through is not None:
            self._joins.append(Join(tie.through, tie.through_on, outer=False))

    def _there(self, spec: EntitySpec, table: FromClause) -> ColumnElement[bool]:
        """Whether there is such a row: the tenant's, not deleted, and not hidden."""
        alive = and_(table.c.tenant_id == self._frame.tenant, table.c.deleted_at.is_(None))
        return and_(alive, self._frame.visible(spec.name, table)) if self._as_caller else alive

    def _alias(self, table: Table) -> FromClause:
        self._aliases += 1
        return alias(table, None if self._use is None else (self._use, self._aliases))

    def _end(self, path: tuple[str, ...]) -> tuple[EntitySpec, FromClause]:
        """The entity and the table at the end of a path over relations to one row."""
        if path not in self._ends:
            spec, near = self._end(path[:-1])
            self._ends[path] = self._join_parent(near, spec.relations[path[-1]])
        return self._ends[path]

    def _join_parent(
        self, near: FromClause, relation: RelationSpec
    ) -> tuple[EntitySpec, FromClause]:
        parent = self._alias(self._frame.tables[relation.target])
        key: ColumnElement[Any] = near.c[relation.column]
        if relation.through_identity:
            links = self._alias(identity_link)
            linked = and_(links.c.tenant_id == self._frame.tenant, links.c.member_id == key)
            self._joins.append(Join(links, linked, outer=True))
            key = links.c.customer_id
        spec = self._frame.specs[relation.target]
        found = and_(parent.c.id == key, self._there(spec, parent))
        self._joins.append(Join(parent, found, outer=True))
        return spec, parent


def tie_between(relation: RelationSpec, near: FromClause, far: FromClause, tenant: str) -> Tie:
    """What ties the rows that a relation leads to (`far`) to the row it starts from (`near`)."""
    one = relation.kind == "one"
    here = near.c[relation.column if one else "id"]
    there = far.c["id" if one else relation.column]
    if not relation.through_identity:
        return Tie(near, there == here)
    links = identity_link.alias()
    account, customer = (here, there) if one else (there, here)
    ours = and_(links.c.tenant_id == tenant, links.c.member_id == account)
    theirs = links.c.customer_id == customer
    # The join may only name the inner table; what names the outer row goes to the condition.
    return (
        Tie(near, ours, through=links, through_on=theirs)
        if one
        else Tie(near, theirs, through=links, through_on=ours)
    )

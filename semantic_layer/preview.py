"""Who would see what else if other policies were in force, counted exactly over all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, false, func, select

from access_policies import MaskRule, Policy, Principal, Rule, Snapshot, Visibility
from index.entity_tables import EntityTables
from index.predicate import ALWAYS, Predicate
from semantic_layer.caller_groups import CallerGroup, group_callers, in_parts
from semantic_layer.impact import EntityImpact, Preview
from semantic_layer.model import Entity, Model
from semantic_layer.place import Frame
from semantic_layer.row_samples import RowSamples
from semantic_layer.row_truths import comparisons, read_truths
from semantic_layer.scope import Scope

Progress = Callable[[int, int], None]
"""Told how many rows have been looked at, and of how many."""


def preview(
    connection: Connection,
    /,
    model: Model,
    tables: EntityTables,
    *,
    tenant: str,
    old: Snapshot | None,
    new: Snapshot,
    principals: Iterable[Principal],
    approver: Principal | None,
    now: datetime,
    samples: int = 5,
    progress: Progress | None = None,
) -> Preview:
    """What each principal gains and loses when `new` takes the place of `old` (None: of nothing).

    What counts is each entity's own policy, also where its rows are reached through another's. Up
    to `samples` gained and lost rows an entity are named, of those whose title the approver reads
    under `old`. `connection` sees the tenant's rows, and allows a statement some minutes.
    """
    frame = Frame(model.specs, tables, tenant, now, _nothing)
    everyone = tuple(dict.fromkeys(principals))
    passes = [
        _Passes(connection, frame, model[name], group_callers(name, old, new, everyone))
        for name in _changed(old, new)
        if name in model.entities
    ]
    done, total = 0, sum(each.work for each in passes)

    def tick(rows: int) -> None:
        nonlocal done
        done += rows
        if progress is not None:
            progress(done, max(done, total))

    def impact(each: _Passes) -> EntityImpact:
        seen = old.visibility(approver, each.entity.name) if old and approver else None
        return each.run(RowSamples(each.entity, seen, samples), tick)

    return Preview(at=now, principals=len(everyone), entities=tuple(map(impact, passes)))


class _Passes:
    """The passes over one entity's rows: one, unless there are very many comparisons."""

    def __init__(
        self, connection: Connection, frame: Frame, entity: Entity, groups: list[CallerGroup]
    ) -> None:
        self.entity = entity
        self._connection = connection
        self._frame = frame
        self._groups = groups
        self._parts = in_parts(groups)
        every = self._every_row()
        rows = select(func.count()).select_from(every.source).where(*every.conditions)
        self._rows: int = connection.execute(rows).scalar_one()

    @property
    def work(self) -> int:
        """How many rows there are to look at, in all passes."""
        return self._rows * len(self._parts)

    def run(self, samples: RowSamples, tick: Callable[[int], None]) -> EntityImpact:
        """Count all groups on all rows."""
        for groups in self._parts:
            self._count(groups, samples, tick)
        gained, lost = samples.read(self._connection, self._frame)
        return EntityImpact(
            entity=self.entity.name,
            plural=self.entity.plural_words,
            rows=self._rows,
            groups=len(self._groups),
            affected=tuple(each for group in self._groups for each in group.affected()),
            gained_samples=gained,
            lost_samples=lost,
        )

    def _count(
        self, groups: list[CallerGroup], samples: RowSamples, tick: Callable[[int], None]
    ) -> None:
        asked = comparisons([samples.readable, *_predicates(groups)])
        scope, now = self._every_row(), self._frame.now
        for rows in read_truths(self._connection, scope, asked, now, ids=samples.wanted):
            gained = lost = 0
            for group in groups:
                more_gained, more_lost = group.count(rows)
                gained |= more_gained
                lost |= more_lost
            samples.offer(rows, gained, lost)
            tick(rows.size)

    def _every_row(self) -> Scope:
        """The rows whoever may see them: what leaves here is counts, and nothing of a row."""
        everything = Visibility(entity=self.entity.name, rows=ALWAYS, masks={})
        return Scope(self._frame, self.entity, everything)


def _predicates(groups: Iterable[CallerGroup]) -> list[Predicate]:
    return [predicate for group in groups for predicate in group.predicates()]


def _changed(old: Snapshot | None, new: Snapshot) -> list[str]:
    """The entities whose policies differ in what they mean."""
    before = {} if old is None else old.policies.policies
    after = new.policies.policies
    return [
        name
        for name in sorted(before.keys() | after.keys())
        if _meaning(before.get(name)) != _meaning(after.get(name))
    ]


def _meaning(policy: Policy | None) -> frozenset[tuple[bool, Rule | MaskRule]]:
    """The rules without their names, texts and reasons."""
    if policy is None:
        return frozenset()
    parts: tuple[tuple[bool, tuple[Rule | MaskRule, ...]], ...] = (
        (False, (*policy.rules, *policy.masks)),
        (True, (*policy.guard_rules, *policy.guard_masks)),
    )
    return frozenset(
        (guards, replace(rule, id="", text="", because=""))
        for guards, rules in parts
        for rule in rules
    )


def _nothing(_entity: str, _table: FromClause) -> ColumnElement[bool]:
    """No caller's own conditions are asked here; if one were, it would see nothing."""
    return false()

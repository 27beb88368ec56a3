"""Callers who see the same as each other, before a change of policies and after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from access_policies import Mask, Principal, Snapshot, Visibility
from index.predicate import NEVER, Predicate
from semantic_layer.impact import Affected, Change, FieldChange
from semantic_layer.row_truths import Bits, RowTruths, comparisons

_MOST_COMPARISONS = 5_000
"""In one statement, which takes at most 65,535 parameters."""

_Levels = tuple[tuple[Mask, Predicate], ...]


@dataclass(eq=False)
class CallerGroup:
    """Principals with one visibility before and one after, and what the rows counted so far change
    for each of them."""

    old: Visibility
    new: Visibility
    principals: list[Principal] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _fields: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = sorted(self.old.masks.keys() | self.new.masks.keys())
        if NEVER in (self.old.rows, self.new.rows):
            names = []  # no row is seen both before and after
        levels = {name: (_levels(self.old, name), _levels(self.new, name)) for name in names}
        self._masks = {name: (was, now) for name, (was, now) in levels.items() if was != now}

    def predicates(self) -> Iterator[Predicate]:
        """All that has to be known of a row."""
        yield from (self.old.rows, self.new.rows)
        for was, now in self._masks.values():
            yield from (applies for _, applies in (*was, *now))

    def count(self, rows: RowTruths) -> tuple[Bits, Bits]:
        """Count a batch of rows in, and tell which of them are gained and which are lost."""
        before, after = rows.where(self.old.rows), rows.where(self.new.rows)
        gained, lost = after & ~before, before & ~after
        self._counts["gained"] += gained.bit_count()
        self._counts["lost"] += lost.bit_count()
        both = Bits(before & after)
        if both:
            for name, (was, now) in self._masks.items():
                counts = self._fields.setdefault(name, Counter())
                counts.update(_changes(_shown(rows, both, was), _shown(rows, both, now)))
        return Bits(gained), Bits(lost)

    def affected(self) -> Iterator[Affected]:
        """Each principal with what changes, if anything does."""
        found = {name: FieldChange(**counts) for name, counts in self._fields.items()}
        fields = {name: change for name, change in found.items() if change}
        change = Change(self._counts["gained"], self._counts["lost"], fields)
        if change:
            yield from (Affected(principal, change) for principal in self.principals)


def group_callers(
    entity: str, old: Snapshot | None, new: Snapshot, principals: Iterable[Principal]
) -> list[CallerGroup]:
    """The principals by what they see of the entity; those who see the same as before are left
    out."""
    groups: dict[object, CallerGroup] = {}
    for principal in principals:
        before = _visibility(old, principal, entity)
        after = _visibility(new, principal, entity)
        was, now = _meaning(before), _meaning(after)
        if was != now:
            group = groups.setdefault((was, now), CallerGroup(before, after))
            group.principals.append(principal)
    return list(groups.values())


def in_parts(groups: Iterable[CallerGroup]) -> list[list[CallerGroup]]:
    """The groups, in parts whose comparisons one statement can hold."""
    parts: list[list[CallerGroup]] = []
    asked: dict[Predicate, None] = {}
    for group in groups:
        more = comparisons(group.predicates())
        if not parts or len(asked | more) > _MOST_COMPARISONS:
            parts.append([])
            asked = {}
        parts[-1].append(group)
        asked |= more
    return parts


def _visibility(snapshot: Snapshot | None, principal: Principal, entity: str) -> Visibility:
    if snapshot is None:
        return Visibility(entity=entity, rows=NEVER, masks={})
    return snapshot.visibility(principal, entity)


def _meaning(visibility: Visibility) -> tuple[Predicate, frozenset[tuple[str, _Levels]]]:
    """What can be seen; which key its hashes are made with makes no difference to that."""
    if visibility.sees_nothing:
        return NEVER, frozenset()
    masks = ((name, mask.levels) for name, mask in visibility.masks.items())
    return visibility.rows, frozenset(masks)


def _levels(visibility: Visibility, name: str) -> _Levels:
    mask = visibility.masks.get(name)
    return () if mask is None else mask.levels


def _shown(rows: RowTruths, among: Bits, levels: _Levels) -> Mapping[Mask | None, int]:
    """The rows on which each mask is the one that counts, and those in the clear (None)."""
    shown: dict[Mask | None, int] = {}
    left = int(among)
    for mask, applies in levels:
        spared = left & rows.where(applies, wanted=False)
        shown[mask] = left ^ spared
        left = spared
    return {**shown, None: left}


def _changes(was: Mapping[Mask | None, int], now: Mapping[Mask | None, int]) -> dict[str, int]:
    """On how many rows a field changes, by the names of `FieldChange`."""
    counts = {"unmasked": 0, "masked": 0, "changed": 0}
    for before, rows in was.items():
        for after, others in now.items():
            if before != after:
                what = "unmasked" if after is None else "masked" if before is None else "changed"
                counts[what] += (rows & others).bit_count()
    return counts

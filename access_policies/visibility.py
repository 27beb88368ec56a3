"""The answer to "what may this principal see of this entity", before any row is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, case

from access_policies.masks import Mask, MaskKind
from access_policies.policies import MaskRule, Policy, Rule, Side
from index.predicate import (
    ALWAYS,
    NEVER,
    CallerValues,
    Place,
    Predicate,
    attributes,
    conjoin,
    disjoin,
    filter_sql,
    negation,
    reads_now,
    where_not_false,
    where_true,
)


@dataclass(frozen=True)
class FieldMask:
    """When a field is masked, and how: each mask applies unless its condition is false of the row,
    and of several the first wins."""

    levels: tuple[tuple[Mask, Predicate], ...]  # the most restrictive first
    key: bytes = field(default=b"", repr=False)  # of hashes

    @property
    def clear(self) -> Predicate:
        """True of the rows on which the field stands in the clear."""
        return _none_applies(self.levels)

    @property
    def always_hidden(self) -> bool:
        """Whether the field is null on every row."""
        mask, applies = self.levels[0]
        return mask.kind is MaskKind.HIDE and applies == ALWAYS

    def sql(
        self,
        value: ColumnElement[Any],
        place: Place,
        now: datetime,
        shown: Callable[[Mask], ColumnElement[Any]] | None = None,
    ) -> ColumnElement[Any]:
        """The value as this principal may read it; `shown` says how a masked one looks, where that
        takes more than the column."""
        show = shown or (lambda mask: mask.sql(value, self.key))
        return self.cases(value, self.idle(place, now), show)

    def idle(self, place: Place, now: datetime) -> Sequence[ColumnElement[bool]]:
        """For each mask, true of the rows to which it does not apply."""
        return [filter_sql(_none_applies([level]), place, now) for level in self.levels]

    def cases(
        self,
        value: ColumnElement[Any],
        idle: Sequence[ColumnElement[bool]],
        show: Callable[[Mask], ColumnElement[Any]],
    ) -> ColumnElement[Any]:
        """The value or what the masks make of it; `idle` as above.

        The strictest mask is asked about first: where it does not surely stay away it is shown,
        and so an unknown condition never leads to a laxer one.
        """
        shown = value
        for (mask, _), stays_away in zip(reversed(self.levels), reversed(idle), strict=True):
            shown = case((stays_away, shown), else_=show(mask))
        return shown


def _none_applies(levels: Sequence[tuple[Mask, Predicate]]) -> Predicate:
    return where_true(conjoin(negation(applies) for _, applies in levels))


@dataclass(frozen=True)
class Visibility:
    """The rows and fields of one entity that one principal may see.

    A row is visible when `rows` is true of it; no caller's attribute is left in it, and only the
    moment of the request is still open. `masks` holds the fields that are masked on some row.
    """

    entity: str
    rows: Predicate
    masks: Mapping[str, FieldMask]

    def clear(self, field: str) -> bool:
        """Whether the field stands in the clear on every row, so that it may be filtered by."""
        return field not in self.masks

    def hidden(self, field: str) -> bool:
        """Whether the field is null on every row, so that it need not be offered at all."""
        return field in self.masks and self.masks[field].always_hidden

    @property
    def sees_nothing(self) -> bool:
        """Whether no row can be visible, so that no query is needed."""
        return self.rows == NEVER

    @cached_property
    def timeless(self) -> bool:
        """Whether nothing in it asks what time it is, so that it means the same tomorrow."""
        return not any(map(reads_now, self._predicates()))

    @cached_property
    def hops(self) -> frozenset[tuple[str, ...]]:
        """The to-one relations that `rows` or `masks` look across, each as its path."""
        paths = frozenset[tuple[str, ...]]().union(*map(attributes, self._predicates()))
        return frozenset(path[:-1] for path in paths if len(path) > 1)

    def _predicates(self) -> list[Predicate]:
        conditions = [applies for mask in self.masks.values() for _, applies in mask.levels]
        return [self.rows, *conditions]


@cache
def nothing(entity: str) -> Visibility:
    """The visibility of an entity that has no policy: always the same, to be known again by."""
    return Visibility(entity=entity, rows=NEVER, masks=MappingProxyType({}))


def residual(
    policy: Policy, sides: tuple[Side, ...], values: CallerValues, hash_key: bytes = b""
) -> Visibility:
    """What is left of a policy for a caller on these sides once their attributes are put in.

    An allow rule needs to be true and a deny rule to be false: `any allow and not any deny` is true
    of exactly those rows, as `unknown` makes neither true.
    """
    allowed = [_side(policy, side, values) for side in sides]
    guarded = negation(_any(policy.guard_rules, values))
    agent = "agent" in sides or "agent_alone" in sides
    masked = {name for rule in (*policy.masks, *policy.guard_masks) for name in rule.fields}
    masks = {name: _levels(policy, name, values, agent=agent) for name in sorted(masked)}
    return Visibility(
        entity=policy.entity,
        rows=where_true(conjoin([*allowed, guarded])),
        masks=MappingProxyType(
            {name: FieldMask(levels, hash_key) for name, levels in masks.items() if levels}
        ),
    )


def _side(policy: Policy, side: Side, values: CallerValues) -> Predicate:
    rules = policy.on_side(side)
    denied = _any((rule for rule in rules if rule.effect == "deny"), values)
    if not policy.grants(side):
        return negation(denied)
    allowed = _any((rule for rule in rules if rule.effect == "allow"), values)
    return conjoin([allowed, negation(denied)])


def _levels(
    policy: Policy, name: str, values: CallerValues, *, agent: bool
) -> tuple[tuple[Mask, Predicate], ...]:
    """The masks that may apply to the field, the strictest first, none behind one that always
    applies."""
    applies: dict[Mask, list[Predicate]] = {}
    for layer in policy.mask_layers(agent=agent):
        rules = [rule for rule in layer if name in rule.fields]
        lifted = _any((rule for rule in rules if rule.mask.kind is MaskKind.CLEAR), values)
        for rule in rules:
            if rule.mask.kind is not MaskKind.CLEAR:
                condition = conjoin([rule.of_caller(values), negation(lifted)])
                applies.setdefault(rule.mask, []).append(condition)
    levels: list[tuple[Mask, Predicate]] = []
    for mask in sorted(applies, key=lambda mask: mask.strictness):
        condition = where_not_false(disjoin(applies[mask]))
        if condition != NEVER:
            levels.append((mask, condition))
        if condition == ALWAYS:
            break
    return tuple(levels)


def _any(rules: Iterable[Rule | MaskRule], values: CallerValues) -> Predicate:
    return disjoin(rule.of_caller(values) for rule in rules)

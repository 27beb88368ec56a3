"""Mistakes in what becomes of conditions: who they are for, what adds up to what, what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, cast, func, literal

from access_policies import (
    Mask,
    MaskRule,
    Policy,
    Principal,
    Snapshot,
    Visibility,
    enforcer,
    masks,
    snapshot,
    visibility,
)
from access_policies.policies import Effect, sides_in_force
from index.predicate import where_not_false, where_true
from tests.access_policies.mutation import Make, Mutation, instead


def _tested_as(effect: Effect) -> Make:
    """Each rule applies as one of the effect would, and still counts as what it is."""
    return lambda original: lambda rule: original(replace(rule, effect=effect))


def _policies(change: Callable[[Policy], Policy]) -> Make:
    """What Postgres is asked, of a changed policy."""
    return lambda original: lambda policy, *rest: original(change(policy), *rest)


def _one_layer(self: Policy, *, agent: bool) -> Iterator[tuple[MaskRule, ...]]:
    yield (*(mask for mask in self.masks if agent or mask.side != "agent"), *self.guard_masks)


def _one_layer_and_the_guards(self: Policy, *, agent: bool) -> Iterator[tuple[MaskRule, ...]]:
    yield tuple(mask for mask in self.masks if agent or mask.side != "agent")
    yield self.guard_masks


def _sides(change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Make:
    return lambda original: lambda principal: change(original(principal))


def _strictness(change: Callable[[int, Decimal], tuple[int, Decimal]]) -> Make:
    return lambda original: property(lambda self: change(*original.fget(self)))  # type: ignore[return-value]


def _one_plan_for_all(original: Any) -> Callable[..., Any]:
    kept: dict[Any, Visibility] = {}

    def visibility(self: Snapshot, principal: Principal, entity: str) -> Visibility:
        key = (self, sides_in_force(principal), principal.may_read(entity))
        return kept.setdefault(key, original(self, principal, entity))

    return visibility


def _periods_of_the_session(original: Any) -> Callable[..., Any]:
    def in_sql(self: Mask, column: ColumnElement[Any], key: bytes = b"") -> Any:
        if self.to not in masks.PERIODS:
            return original(self, column, key)
        return func.date_trunc(self.to, column, type_=column.type)

    return in_sql


def _hundred_to_the_unit(original: Any) -> Callable[..., Any]:
    return lambda self, minor, _unit: original(self, minor, literal(100))


def _towards_zero(column: ColumnElement[Any], width: ColumnElement[Any]) -> Any:
    number = cast(column, Numeric)
    return func.trim_scale(number - func.mod(number, width))


def _domain_after_any_at(original: Any) -> Callable[..., Any]:
    def partial(value: str) -> str:
        _, at, domain = value.partition("@")
        return f"{masks.HIDDEN}@{domain}" if at else original(value)

    return partial


_ALL = "rules:\n  - {id: all, effect: allow, when: 'true'}\n"
_GUARDED = _ALL + "---\nrules:\n  - {id: g, effect: deny, when: ticket.urgent}"
_CEILING = _ALL + "  - {id: c, effect: allow, for: %s, when: ticket.urgent}"


def _masked(first: str, *others: str) -> str:
    """Everything, with these masks; the first is on every row."""
    masks = enumerate([f"{first}, when: 'true'", *others])
    return f"{_ALL}masks: [{', '.join(f'{{id: m{number}, {mask}}}' for number, mask in masks)}]\n"


POLICY_MUTATIONS: list[Mutation] = [
    # Unknown, at the end of a rule.
    Mutation("what the caller lacks is let through", visibility, "where_true",
             instead(where_not_false), "ticket.region == user.region"),
    Mutation("a deny rule needs to be true", enforcer, "_test", _tested_as("allow"),
             "ticket.urgent"),
    Mutation("an allow rule applies unless it is false", enforcer, "_test", _tested_as("deny"),
             "ticket.urgent"),
    Mutation("a mask needs to be true", visibility, "where_not_false", instead(where_true),
             "ticket.region == user.region"),
    # Who asks.
    Mutation("Postgres without guard rails", snapshot, "residual",
             _policies(lambda policy: replace(policy, guard_rules=())), _GUARDED),
    Mutation("Casbin without guard rails", snapshot._EntityRules, "enforcers",
             instead(lambda self, sides: (self._sides[s] for s in sides if s in self._sides)),
             _GUARDED),
    Mutation("agents without their ceiling", snapshot, "sides_in_force",
             _sides(lambda sides: tuple(side for side in sides if side != "agent")),
             _CEILING % "agent"),
    Mutation("purposes without theirs", snapshot, "sides_in_force",
             _sides(lambda sides: tuple(side for side in sides if side != "purpose")),
             _CEILING % "purpose"),
    Mutation("an agent alone is a user", snapshot, "sides_in_force",
             _sides(lambda sides: ("user", *sides[1:])), _ALL),
    Mutation("tokens without scopes", Principal, "may_read", instead(lambda _self, _entity: True),
             _ALL),
    Mutation("one caller's plan for all", Snapshot, "visibility", _one_plan_for_all,
             "ticket.region == user.region"),
    # Masks.
    Mutation("the loosest mask wins", Mask, "strictness",
             _strictness(lambda kind, width: (-kind, width)),
             _masked("fields: [title], mask: partial",
                     "fields: [title], mask: redact, when: ticket.urgent")),
    Mutation("the narrowest band wins", Mask, "strictness",
             _strictness(lambda kind, width: (kind, -width)),
             _masked("fields: [priority], mask: bucket, to: 2",
                     "fields: [priority], mask: bucket, to: 10, when: ticket.urgent")),
    Mutation("clear lifts guard rails", Policy, "mask_layers", instead(_one_layer),
             _masked("fields: [title], mask: clear")
             + "---\nmasks: [{id: g, fields: [title], mask: hide, when: 'true'}]"),
    Mutation("clear lifts other sides", Policy, "mask_layers", instead(_one_layer_and_the_guards),
             _masked("fields: [title], mask: clear",
                     "fields: [title], mask: hide, for: purpose, when: ticket.urgent")),
    Mutation("money has cents", Mask, "money_sql", _hundred_to_the_unit,
             _masked("fields: [total], mask: bucket, to: 10")),
    Mutation("bands go towards zero", masks, "_band_sql", instead(_towards_zero),
             _masked("fields: [total], mask: bucket, to: 10")),
    Mutation("an e-mail has an @", masks, "_partial", _domain_after_any_at,
             _masked("fields: [title], mask: partial")),
    Mutation("one key for all purposes", Snapshot, "hash_key",
             instead(lambda self, _purpose: self._hash_key),
             _masked("fields: [title], mask: hash")),
    Mutation("months of the session's zone", Mask, "sql", _periods_of_the_session,
             _masked("fields: [due_at], mask: bucket, to: month")),
]  # fmt: skip

"""What a policy is, once it is read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from access_policies.masks import Mask
from access_policies.principal import Principal
from index.predicate import Predicate, Substituter, substituter

Effect = Literal["allow", "deny"]

Side = Literal["user", "agent", "agent_alone", "purpose"]
"""Whom a rule is about. What a caller may see is what all sides in force let through:

    user         what a user may see: nothing that no rule allows
    agent        limits an agent that acts for a user, if there are rules
    agent_alone  what an agent without a user may see: nothing that no rule allows
    purpose      limits what is asked for a purpose, if there are rules
"""

_GRANTING: frozenset[Side] = frozenset({"user", "agent_alone"})


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may see which rows: an allow rule needs to be true, a deny rule applies unless false."""

    id: str
    effect: Effect
    text: str
    predicate: Predicate
    because: str = ""
    side: Side = "user"

    @cached_property
    def of_caller(self) -> Substituter:
        """What is left of the rule once it is known who asks."""
        return substituter(self.predicate)


@dataclass(frozen=True, kw_only=True)
class MaskRule:
    """Which fields are masked on which rows: it applies unless it is false.

    One whose mask is `clear` needs to be true, and lifts the other masks of its side.
    """

    id: str
    fields: tuple[str, ...]
    mask: Mask
    text: str
    predicate: Predicate
    because: str = ""
    side: Side = "user"

    @cached_property
    def of_caller(self) -> Substituter:
        """What is left of the rule once it is known who asks."""
        return substituter(self.predicate)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules of one entity. Guard rails are an administrator's; no rule of the owner's lifts
    them."""

    entity: str
    rules: tuple[Rule, ...]
    masks: tuple[MaskRule, ...] = ()
    guard_rules: tuple[Rule, ...] = ()
    guard_masks: tuple[MaskRule, ...] = ()

    def on_side(self, side: Side) -> tuple[Rule, ...]:
        """The owner's rules of a side."""
        return tuple(rule for rule in self.rules if rule.side == side)

    def grants(self, side: Side) -> bool:
        """Whether a side lets nothing through that none of its rules allows."""
        allows = any(rule.effect == "allow" for rule in self.on_side(side))
        return allows or side in _GRANTING

    def mask_layers(self, *, agent: bool) -> Iterator[tuple[MaskRule, ...]]:
        """The masks that count for a caller with or without an agent; a `clear` rule lifts only
        masks of its own layer."""
        sides: tuple[Side, ...] = ("user", "purpose", "agent") if agent else ("user", "purpose")
        for side in sides:
            yield tuple(rule for rule in self.masks if rule.side == side)
        yield self.guard_masks

    def predicates(self) -> tuple[Predicate, ...]:
        """All conditions of all rules and masks."""
        rules: tuple[Rule | MaskRule, ...] = (
            *self.rules,
            *self.masks,
            *self.guard_rules,
            *self.guard_masks,
        )
        return tuple(rule.predicate for rule in rules)


def sides_in_force(principal: Principal) -> tuple[Side, ...]:
    """The sides that must let a row through for the principal to see it."""
    if principal.user is None and principal.agent is not None:
        return ("agent_alone", "purpose")
    return ("user", "purpose") if principal.agent is None else ("user", "agent", "purpose")


@dataclass(frozen=True)
class PolicySet:
    """All policies by entity, and the documents that come with them as they are written.

    Nobody sees an entity that has no policy.
    """

    policies: Mapping[str, Policy]
    tests: Mapping[str, str] = field(default_factory=dict)  # by document name
    owners: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("policies", "tests", "owners"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

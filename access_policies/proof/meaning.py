"""What a policy says as formulas: when a row is visible, and when each mask is on a field."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import z3

from access_policies.masks import Mask, MaskKind
from access_policies.policies import MaskRule, Policy, Rule, Side
from access_policies.proof.encoding import Encoding
from access_policies.proof.solver import Formula
from index.predicate import Caller


class Meaning:
    """One version of a policy, of the caller and row that the encoding leaves open."""

    def __init__(self, policy: Policy | None, encoding: Encoding) -> None:
        self.policy = policy
        self._encoding = encoding
        self._solver = encoding.solver
        self.with_user = encoding.variables.caller(Caller("user", "name")).known
        self._agent = encoding.variables.caller(Caller("agent", "name")).known

    @cached_property
    def visible(self) -> Formula:
        """When a caller sees the row: `sides_in_force` of a caller who is not known yet."""
        if self.policy is None:
            return self._solver.false
        sides: tuple[Side, ...] = ("user", "agent", "agent_alone", "purpose")
        limits = [z3.Implies(self.in_force(side), self._lets_through(side)) for side in sides]
        return z3.And(*limits, z3.Not(self.denied(self.policy.guard_rules)))

    def in_force(self, side: Side) -> Formula:
        """When the rules of a side count."""
        alone = z3.And(z3.Not(self.with_user), self._agent)
        match side:
            case "user":
                return z3.Not(alone)
            case "agent":
                return z3.And(self.with_user, self._agent)
            case "agent_alone":
                return alone
            case "purpose":
                return self._solver.true

    def true(self, rule: Rule | MaskRule) -> Formula:
        return self._encoding.truths(rule.predicate).true

    def not_false(self, rule: Rule | MaskRule) -> Formula:
        return z3.Not(self._encoding.truths(rule.predicate).false)

    def denied(self, rules: Iterable[Rule]) -> Formula:
        """When a deny rule among them applies."""
        return self._solver.any_of(self.not_false(rule) for rule in rules if rule.effect == "deny")

    def mask_in_force(self, rule: MaskRule) -> Formula:
        """When a mask counts, apart from its condition."""
        if self.policy is not None and rule in self._without_agent:
            return self._solver.true
        return self._agent

    def levels(self, field: str) -> list[tuple[Mask, Formula]]:
        """When each mask is the one that a field shows, the strictest first. With no mask the field
        is in the clear."""
        applies: dict[Mask, list[Formula]] = {}
        for layer in () if self.policy is None else self.policy.mask_layers(agent=True):
            rules = [rule for rule in layer if field in rule.fields]
            lifted = self._solver.any_of(
                self.true(rule) for rule in rules if rule.mask.kind is MaskKind.CLEAR
            )
            for rule in rules:
                if rule.mask.kind is not MaskKind.CLEAR:
                    masked = z3.And(self.mask_in_force(rule), self.not_false(rule), z3.Not(lifted))
                    applies.setdefault(rule.mask, []).append(masked)
        stricter: list[Formula] = []
        levels: list[tuple[Mask, Formula]] = []
        for mask in sorted(applies, key=lambda mask: mask.strictness):
            on = self._solver.any_of(applies[mask])
            levels.append((mask, z3.And(on, z3.Not(self._solver.any_of(stricter)))))
            stricter.append(on)
        return levels

    def _lets_through(self, side: Side) -> Formula:
        if self.policy is None:
            return self._solver.false
        rules = self.policy.on_side(side)
        unlimited = not self.policy.grants(side)
        allowed = self._solver.any_of(self.true(rule) for rule in rules if rule.effect == "allow")
        return z3.And(self._solver.true if unlimited else allowed, z3.Not(self.denied(rules)))

    @cached_property
    def _without_agent(self) -> frozenset[MaskRule]:
        if self.policy is None:
            return frozenset()
        return frozenset(rule for layer in self.policy.mask_layers(agent=False) for rule in layer)

"""One version of all policies, in force as a whole."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from access_policies.enforcer import RowEnforcer, RuleFailedError, refuse_abandoned_casbin
from access_policies.masks import HIDE, Mask, MaskKind, strictest
from access_policies.policies import MaskRule, Policy, PolicySet, Rule, Side, sides_in_force
from access_policies.principal import Principal
from access_policies.visibility import Visibility, nothing, residual
from index.predicate import Caller, Evaluator, Predicate, Row, Value, callers, evaluator

_log = logging.getLogger(__name__)

_KEPT_VISIBILITIES = 4_096
_PURPOSE = Caller("purpose")


class Snapshot:
    """An immutable set of policies, ready to decide; a changed policy makes a new one.

    It answers two questions with the same meaning: `decide`, through Casbin, of a principal and a
    row in hand, and `visibility`, of a principal and rows still in the database.
    """

    def __init__(self, policy_set: PolicySet, hash_key: bytes = b"") -> None:
        """`hash_key` is the tenant's secret for masks of the kind `hash`; hashes made with another
        cannot be matched with these."""
        refuse_abandoned_casbin()
        self.policies = policy_set
        self.version = _version(policy_set)
        self._hash_key = hash_key
        self._entities = {
            name: _EntityRules(policy) for name, policy in policy_set.policies.items()
        }
        self._visibility = lru_cache(maxsize=_KEPT_VISIBILITIES)(self._make_visibility)

    def policy(self, entity: str) -> Policy | None:
        """The policy of the entity, or None when nobody may see it."""
        return self.policies.policies.get(entity)

    def predicates(self, entity: str) -> tuple[Predicate, ...]:
        """All conditions of the entity's policy: what they read is what a decision needs to know
        of a row."""
        policy = self.policy(entity)
        return () if policy is None else policy.predicates()

    def decide(self, principal: Principal, entity: str, row: Row, now: datetime) -> bool:
        """Whether the principal may see the row. False also when a rule cannot be evaluated, which
        is logged with the rule's id and never with a value."""
        rules = self._entities.get(entity)
        if rules is None or not principal.may_read(entity):
            return False
        try:
            return all(
                enforcer is not None and enforcer.allows(principal, row, now)
                for enforcer in rules.enforcers(sides_in_force(principal))
            )
        except RuleFailedError as error:
            self._report(entity, str(error), error.__cause__)
        except Exception as error:
            ids = ", ".join(rule.id for rule in rules.policy.rules)
            self._report(entity, ids, error)
        return False

    def masks_for(
        self, principal: Principal, entity: str, row: Row, now: datetime
    ) -> Mapping[str, Mask]:
        """The masks in force on the row, by field. Where a rule fails, its fields are hidden."""
        rules = self._entities.get(entity)
        if rules is None:
            return {}
        in_force: dict[str, Mask] = {}
        for layer in rules.mask_layers[principal.agent is not None]:
            lifted: set[str] = set()
            masked: dict[str, Mask] = {}
            for rule, evaluate in layer:
                value, failed = self._evaluated(entity, rule, evaluate, principal, row, now)
                if rule.mask.kind is MaskKind.CLEAR:
                    lifted.update(rule.fields if value is True else ())
                elif value is not False:
                    for name in rule.fields:
                        mask = HIDE if failed else rule.mask
                        masked[name] = strictest((mask, masked.get(name, mask)))
            for name in masked.keys() - lifted:
                in_force[name] = strictest((masked[name], in_force.get(name, masked[name])))
        return in_force

    def visibility(self, principal: Principal, entity: str) -> Visibility:
        """What the principal may see of the entity, as conditions on rows still in the database.

        Kept by the caller's attributes that the entity's rules read, so that principals who differ
        in others share it.
        """
        rules = self._entities.get(entity)
        if rules is None or not principal.may_read(entity):
            return nothing(entity)
        values = tuple(principal.value(caller) for caller in rules.callers)
        return self._visibility(entity, sides_in_force(principal), values)

    def hash_key(self, purpose: str | None) -> bytes:
        """The key of hashed values: another one for each purpose, so that what was learned for one
        cannot be joined with what was learned for another."""
        return hmac.new(self._hash_key, (purpose or "").encode(), hashlib.sha256).digest()

    def _make_visibility(
        self, entity: str, sides: tuple[Side, ...], values: tuple[Value | None, ...]
    ) -> Visibility:
        rules = self._entities[entity]
        known = dict(zip(rules.callers, values, strict=True))
        purpose = known.get(_PURPOSE)
        key = self.hash_key(purpose if isinstance(purpose, str) else None)
        return residual(rules.policy, sides, known.get, key)

    def _evaluated(
        self,
        entity: str,
        rule: MaskRule,
        evaluate: Evaluator,
        principal: Principal,
        row: Row,
        now: datetime,
    ) -> tuple[bool | None, bool]:
        """The rule's value, unknown when it cannot be evaluated, and whether that is so."""
        try:
            return evaluate(row, principal.value, now), False
        except Exception as error:
            self._report(entity, rule.id, error)
            return None, True

    def _report(self, entity: str, rules: str, error: BaseException | None) -> None:
        # The type only: a message may repeat a value of the row.
        _log.error(
            "policy %s of %s: rule %s cannot be evaluated (%s); access is denied",
            self.version[:12],
            entity,
            rules,
            type(error).__name__,
        )


class _EntityRules:
    """The rules of one entity, made ready: one enforcer a side, and one for the guard rails."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._sides: dict[Side, RowEnforcer | None] = {}
        for side in ("user", "agent", "agent_alone", "purpose"):
            rules, grants = policy.on_side(side), policy.grants(side)
            if rules:
                self._sides[side] = RowEnforcer(rules, grants=grants)
            elif grants:
                self._sides[side] = None
        self._guard = RowEnforcer(policy.guard_rules, grants=False) if policy.guard_rules else None
        self.mask_layers = {
            agent: [
                [(rule, evaluator(rule.predicate)) for rule in layer]
                for layer in policy.mask_layers(agent=agent)
            ]
            for agent in (True, False)
        }
        read = frozenset[Caller]().union(*map(callers, policy.predicates()))
        hashes = any(mask.mask.kind is MaskKind.HASH for mask in _all_masks(policy))
        self.callers = tuple(read | {_PURPOSE} if hashes else read)

    def enforcers(self, sides: Iterable[Side]) -> Iterator[RowEnforcer | None]:
        """Those that must all let a row through; None lets nothing through."""
        for side in sides:
            if side in self._sides:
                yield self._sides[side]
        if self._guard is not None:
            yield self._guard


def _all_masks(policy: Policy) -> tuple[MaskRule, ...]:
    return (*policy.masks, *policy.guard_masks)


def _version(policy_set: PolicySet) -> str:
    """A hash of what the rules mean: neither their order nor their spelling changes it."""
    lines = []
    for policy in policy_set.policies.values():
        for kind, rules in (("rule", policy.rules), ("guard", policy.guard_rules)):
            lines += [_meaning(policy.entity, kind, rule, rule.effect) for rule in rules]
        for kind, masks in (("mask", policy.masks), ("guard mask", policy.guard_masks)):
            for mask in masks:
                fields = ",".join(sorted(mask.fields))
                lines.append(_meaning(policy.entity, kind, mask, f"{mask.mask} {fields}"))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _meaning(entity: str, kind: str, rule: Rule | MaskRule, effect: str) -> str:
    return repr((entity, kind, rule.id, rule.side, effect, rule.predicate))

"""One version of all policies, in force as a whole."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from access_policies.enforcer import RowEnforcer, RuleFailedError, refuse_abandoned_casbin
from access_policies.masks import Mask
from access_policies.policies import MaskRule, Policy, PolicySet, Rule
from access_policies.principal import Principal
from access_policies.visibility import Visibility, nothing, residual
from index.predicate import Caller, Evaluator, Row, Value, callers, evaluator

_log = logging.getLogger(__name__)

_KEPT_VISIBILITIES = 4_096


class Snapshot:
    """An immutable set of policies, ready to decide; a changed policy makes a new one.

    It answers two questions with the same meaning: `decide`, through Casbin, of a principal and a
    row in hand, and `visibility`, of a principal and rows still in the database.
    """

    def __init__(self, policy_set: PolicySet) -> None:
        refuse_abandoned_casbin()
        self._policies = policy_set.policies
        self.version = _version(policy_set)
        self._enforcers = {
            name: RowEnforcer(policy.rules)
            for name, policy in self._policies.items()
            if policy.rules
        }
        self._masks = {
            name: [(rule, evaluator(rule.predicate)) for rule in policy.masks]
            for name, policy in self._policies.items()
        }
        self._callers = {name: _callers_of(policy) for name, policy in self._policies.items()}
        self._visibility = lru_cache(maxsize=_KEPT_VISIBILITIES)(self._make_visibility)

    def policy(self, entity: str) -> Policy | None:
        """The policy of the entity, or None when nobody may see it."""
        return self._policies.get(entity)

    def decide(self, principal: Principal, entity: str, row: Row, now: datetime) -> bool:
        """Whether the principal may see the row. False also when a rule cannot be evaluated, which
        is logged with the rule's id and never with a value."""
        enforcer = self._enforcers.get(entity)
        if enforcer is None:
            return False
        try:
            return enforcer.allows(principal, row, now)
        except RuleFailedError as error:
            self._report(entity, str(error), error.__cause__)
        except Exception as error:
            rules = ", ".join(rule.id for rule in self._policies[entity].rules)
            self._report(entity, rules, error)
        return False

    def masks_for(
        self, principal: Principal, entity: str, row: Row, now: datetime
    ) -> Mapping[str, Mask]:
        """The masks in force on the row, by field. Where a rule fails, its fields are hidden."""
        in_force: dict[str, Mask] = {}
        for rule, evaluate in self._masks.get(entity, ()):
            mask = self._mask(entity, rule, evaluate, principal, row, now)
            if mask is not None:
                for field in rule.fields:
                    in_force[field] = Mask.HIDE if in_force.get(field) is Mask.HIDE else mask
        return in_force

    def visibility(self, principal: Principal, entity: str) -> Visibility:
        """What the principal may see of the entity, as conditions on rows still in the database.

        Kept by the caller's attributes that the entity's rules read, so that principals who differ
        in others share it.
        """
        read = self._callers.get(entity)
        if read is None:
            return nothing(entity)
        return self._visibility(entity, tuple(principal.value(caller) for caller in read))

    def _make_visibility(self, entity: str, values: tuple[Value | None, ...]) -> Visibility:
        known = dict(zip(self._callers[entity], values, strict=True))
        return residual(self._policies[entity], known.get)

    def _mask(
        self,
        entity: str,
        rule: MaskRule,
        evaluate: Evaluator,
        principal: Principal,
        row: Row,
        now: datetime,
    ) -> Mask | None:
        try:
            return None if evaluate(row, principal.value, now) is False else rule.mask
        except Exception as error:
            self._report(entity, rule.id, error)
            return Mask.HIDE

    def _report(self, entity: str, rules: str, error: BaseException | None) -> None:
        # The type only: a message may repeat a value of the row.
        _log.error(
            "policy %s of %s: rule %s cannot be evaluated (%s); access is denied",
            self.version[:12],
            entity,
            rules,
            type(error).__name__,
        )


def _callers_of(policy: Policy) -> tuple[Caller, ...]:
    rules: tuple[Rule | MaskRule, ...] = (*policy.rules, *policy.masks)
    return tuple(frozenset[Caller]().union(*(callers(rule.predicate) for rule in rules)))


def _version(policy_set: PolicySet) -> str:
    """A hash of what the rules mean: neither their order nor their spelling changes it."""
    lines = []
    for policy in policy_set.policies.values():
        for rule in policy.rules:
            lines.append(repr((policy.entity, rule.id, rule.effect, rule.predicate)))
        for mask in policy.masks:
            fields = tuple(sorted(mask.fields))
            lines.append(repr((policy.entity, mask.id, mask.mask.value, fields, mask.predicate)))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

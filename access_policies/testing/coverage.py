"""Which rules the tests have seen both ways: one that was never true could say anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from access_policies.policies import MaskRule, Policy, Rule, sides_in_force
from access_policies.testing.expectations import Case
from index.predicate import Truth, evaluator


@dataclass(frozen=True, kw_only=True)
class RuleCoverage:
    """In how many cases a rule or mask was true, false and unknown, where its side was in force."""

    entity: str
    id: str
    effect: str  # allow, deny or a mask
    guard_rail: bool
    constant: bool  # the condition is `true` or `false` as written
    true: int = 0
    false: int = 0
    unknown: int = 0

    @property
    def gap(self) -> str:
        """What the tests have not seen of the rule, in words; empty when they have seen it both
        ways, or the one way that there is."""
        if self.constant:
            return "" if self.true or self.false else "never in force"
        missing = [word for word in ("true", "false") if not getattr(self, word)]
        return f"never {' and never '.join(missing)}" if missing else ""


def measure(policies: Iterable[Policy], cases: Iterable[Case]) -> tuple[RuleCoverage, ...]:
    """The coverage of every rule and mask, in the order in which they are written."""
    by_entity: dict[str, list[Case]] = {}
    for case in cases:
        by_entity.setdefault(case.entity, []).append(case)
    return tuple(
        _coverage(policy, rule, guard_rail, by_entity.get(policy.entity, []))
        for policy in policies
        for rule, guard_rail in _rules(policy)
    )


def _rules(policy: Policy) -> Iterator[tuple[Rule | MaskRule, bool]]:
    yield from ((rule, False) for rule in chain[Rule | MaskRule](policy.rules, policy.masks))
    yield from (
        (rule, True) for rule in chain[Rule | MaskRule](policy.guard_rules, policy.guard_masks)
    )


def _coverage(
    policy: Policy, rule: Rule | MaskRule, guard_rail: bool, cases: Iterable[Case]
) -> RuleCoverage:
    evaluate = evaluator(rule.predicate)
    seen = [
        evaluate(case.values, case.principal.value, case.now)
        for case in cases
        if guard_rail or _in_force(rule, case)
    ]
    return RuleCoverage(
        entity=policy.entity,
        id=rule.id,
        effect=rule.effect if isinstance(rule, Rule) else str(rule.mask),
        guard_rail=guard_rail,
        constant=isinstance(rule.predicate, Truth),
        true=seen.count(True),
        false=seen.count(False),
        unknown=seen.count(None),
    )


def _in_force(rule: Rule | MaskRule, case: Case) -> bool:
    if isinstance(rule, Rule):
        return rule.side in sides_in_force(case.principal)
    return rule.side != "agent" or case.principal.agent is not None

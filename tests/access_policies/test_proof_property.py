"""What is proved of random policies holds of random callers and hostile rows.

REMIT_PROPERTY_EXAMPLES sets how many pairs of policies are tried.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access_policies import (
    Mask,
    MaskKind,
    MaskRule,
    Policy,
    PolicySet,
    Principal,
    Rule,
    Snapshot,
    read_policies,
)
from access_policies.proof import Finding, Limits, findings, narrows
from index.predicate import ALWAYS, NEVER, And, Not
from tests.access_policies import strategies
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKETS

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "25"))
PATIENT = Limits(question=30, call=120)
_POLICIES = strategies.policies(most_masks=2)
_SomeRule = TypeVar("_SomeRule", Rule, MaskRule)


@pytest.mark.timeout(180 + 2 * EXAMPLES)
def test_no_caller_contradicts_a_proof() -> None:
    cases = Counter[str]()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pair=_pairs(), principal=strategies.principals())
    def holds(pair: tuple[Policy, Policy], principal: Principal) -> None:
        old, new = pair
        verdict = narrows(old, new, SPECS, CALLERS, limits=PATIENT)
        cases[verdict.outcome] += 1
        if verdict.outcome == "proved":
            before, after = _snapshot(old), _snapshot(new)
            for row in TICKETS:
                asked = (principal, "ticket", row, NOW)
                if after.decide(*asked):
                    assert before.decide(*asked)
                    shown = after.masks_for(*asked)
                    for field, mask in before.masks_for(*asked).items():
                        assert _at_least_as_strict(shown.get(field), mask)

    holds()
    assert cases["proved"] >= 0.1 * sum(cases.values()), f"too little is proved: {cases}"
    assert cases["refuted"] >= 0.1 * sum(cases.values()), f"too little is refuted: {cases}"
    assert cases["unknown"] <= 0.1 * sum(cases.values()), f"too little is decided: {cases}"


@pytest.mark.timeout(180 + 2 * EXAMPLES)
def test_rules_that_are_found_to_do_nothing_do_nothing() -> None:
    found = Counter[str]()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(policy=_redundant(), principal=strategies.principals())
    def holds(policy: Policy, principal: Principal) -> None:
        found_here = findings(policy, SPECS, CALLERS, limits=PATIENT)
        found.update(finding.kind for finding in found_here)
        as_written, as_found = _snapshot(policy), _snapshot(_without_effect(policy, found_here))
        for row in TICKETS:
            asked = (principal, "ticket", row, NOW)
            visible = as_written.decide(*asked)
            assert as_found.decide(*asked) == visible
            if visible:
                assert as_found.masks_for(*asked) == as_written.masks_for(*asked)

    holds()
    assert len(found) > 1, f"too little is found: {found}"
    assert found.total() >= EXAMPLES, f"too little is found: {found}"


def _without_effect(policy: Policy, found: Iterable[Finding]) -> Policy:
    """The policy with its rules as they were found to be: never or always true.

    A deny rule that is never true may still take away what it does not know.
    """
    kinds = {finding.rule: finding.kind for finding in found}
    idle = {"never_true", "shadowed", "denied", "idle_deny", "idle_mask"}

    def settled(rule: _SomeRule) -> _SomeRule:
        kind = kinds.get(rule.id)
        unknown_matters = kind == "never_true" and isinstance(rule, Rule) and rule.effect == "deny"
        if kind == "always_true":
            return replace(rule, predicate=ALWAYS)
        return replace(rule, predicate=NEVER) if kind in idle and not unknown_matters else rule

    return replace(
        policy,
        rules=tuple(map(settled, policy.rules)),
        masks=tuple(map(settled, policy.masks)),
        guard_rules=tuple(map(settled, policy.guard_rules)),
        guard_masks=tuple(map(settled, policy.guard_masks)),
    )


@st.composite
def _redundant(draw: st.DrawFn) -> Policy:
    """A policy with a rule that repeats part of another, as happens to rules that grow, and a mask
    that is never lifted where somebody meant to lift it."""
    policy, other = (_parsed(draw(_POLICIES)) for _ in range(2))
    first = policy.rules[0]
    narrower = And((first.predicate, other.rules[0].predicate))
    never = And((first.predicate, Not(first.predicate)))
    lifted = MaskRule(
        id="lifted", fields=("title",), mask=Mask(MaskKind.CLEAR), text="", predicate=never
    )
    return replace(
        policy,
        rules=(*policy.rules, replace(first, id="narrower", predicate=narrower)),
        masks=(*policy.masks, lifted),
    )


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """Two versions of a policy, of which mostly one is the other with something added."""
    policy, other = (_parsed(draw(_POLICIES)) for _ in range(2))
    borrowed = [replace(rule, id=f"new-{rule.id}") for rule in other.rules]
    masks = [replace(mask, id=f"new-{mask.id}") for mask in other.masks]
    changed = draw(
        st.sampled_from(
            [
                other,
                replace(policy, rules=(*policy.rules, replace(borrowed[-1], effect="deny"))),
                replace(policy, rules=policy.rules[1:]),
                replace(
                    policy,
                    rules=tuple(
                        replace(rule, predicate=And((rule.predicate, borrowed[0].predicate)))
                        for rule in policy.rules
                    ),
                ),
                replace(policy, masks=(*policy.masks, *masks)),
                replace(policy, guard_rules=other.guard_rules, guard_masks=other.guard_masks),
            ]
        )
    )
    return (policy, changed) if draw(st.booleans()) else (changed, policy)


def _parsed(documents: list[tuple[str, str]]) -> Policy:
    return read_policies(documents, SPECS, CALLERS).policies["ticket"]


def _snapshot(policy: Policy) -> Snapshot:
    return Snapshot(PolicySet({"ticket": policy}))


_WIDTHS = ["day", "month", "year", "0.5", "2", "10"]  # those of the random policies


def _at_least_as_strict(mask: Mask | None, than: Mask) -> bool:
    if mask is None:
        return False
    kinds = list(MaskKind)
    if mask.kind is than.kind is MaskKind.BUCKET:
        return _WIDTHS.index(mask.to) >= _WIDTHS.index(than.to)
    return kinds.index(mask.kind) <= kinds.index(than.kind)

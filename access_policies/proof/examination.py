"""The rules of one policy that do nothing, or not what they seem to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import z3

from access_policies.masks import MaskKind
from access_policies.policies import MaskRule, Policy, Rule
from access_policies.proof.encoding import Encoding
from access_policies.proof.meaning import Meaning
from access_policies.proof.solver import Formula, Solver, UndecidedError
from access_policies.proof.verdict import Finding, FindingKind, Limits
from index.predicate import NEVER, Truth
from index.specs import CallerAttributes, EntitySpecs


def examine(
    policy: Policy, specs: EntitySpecs, callers: CallerAttributes, limits: Limits
) -> list[Finding]:
    """See `findings`."""
    encoding = Encoding(Solver(limits), policy.entity, specs, callers)
    return list(_Examination(policy, encoding).findings())


class _Examination:
    def __init__(self, policy: Policy, encoding: Encoding) -> None:
        self._policy = policy
        self._solver = encoding.solver
        self._meaning = Meaning(policy, encoding)
        # All is encoded before the first question: what is known of the variables depends on what
        # is asked of them.
        self._visible = self._meaning.visible
        for mask in (*policy.masks, *policy.guard_masks):
            self._meaning.true(mask)
        self._solver.assume(encoding.axioms())
        self._undecided: list[str] = []

    def findings(self) -> Iterator[Finding]:
        policy = self._policy
        found: dict[str, Finding] = {}
        # From the end, so that of two rules that say the same the first one stays.
        for rule in reversed(policy.rules):
            left = [other for other in policy.rules if other.id not in found]
            self._note(found, rule, self._of_rule(rule, left))
        for rule in policy.guard_rules:
            self._note(found, rule, self._by_itself(rule, self._solver.true))
        for mask in (*policy.masks, *policy.guard_masks):
            self._note(found, mask, self._of_mask(mask))
        ids = [
            rule.id
            for rules in (policy.rules, policy.guard_rules, policy.masks, policy.guard_masks)
            for rule in rules
        ]
        yield from (found[id] for id in dict.fromkeys(ids) if id in found)
        if self._undecided:
            names = _names(id for id in ids if id in self._undecided)
            sentence = f"There was not enough time to examine {names}."
            yield Finding(rule="", kind="undecided", sentence=sentence)

    def _note(
        self, found: dict[str, Finding], rule: Rule | MaskRule, findings: Iterator[Finding]
    ) -> None:
        """Keep the first finding about a rule: those that follow are mostly its consequences."""
        try:
            first = next(findings, None)
        except UndecidedError:
            self._undecided.append(rule.id)
            return
        if first is not None:
            found[rule.id] = first

    def _of_rule(self, rule: Rule, rules: Sequence[Rule]) -> Iterator[Finding]:
        in_force = self._meaning.in_force(rule.side)
        yield from self._by_itself(rule, in_force)
        if rule.predicate == NEVER:
            return
        others = [each for each in rules if each.side == rule.side and each.id != rule.id]
        if rule.effect == "deny":
            yield from self._idle_deny(rule, in_force)
            return
        applies = z3.And(in_force, self._meaning.true(rule))
        yield from self._denied(rule, applies)
        yield from self._shadowed(rule, applies, [o for o in others if o.effect == "allow"])

    def _by_itself(self, rule: Rule, in_force: Formula) -> Iterator[Finding]:
        if isinstance(rule.predicate, Truth):
            return
        true = self._meaning.true(rule)
        if not self._solver.possible(in_force, true):
            sentence = f"`{rule.id}` is never true"
            if rule.effect == "deny" and self._solver.possible(
                in_force, self._meaning.not_false(rule)
            ):
                sentence += "; it takes away only rows on which a value that it reads is missing"
            yield _finding(rule, "never_true", sentence)
        if not self._solver.possible(in_force, z3.Not(true)):
            yield _finding(rule, "always_true", f"`{rule.id}` is true of every row and caller")

    def _denied(self, rule: Rule, applies: Formula) -> Iterator[Finding]:
        same_side = [each for each in self._policy.on_side(rule.side) if each.effect == "deny"]
        denies = [*same_side, *self._policy.guard_rules]
        let_through = [z3.Not(self._meaning.not_false(deny)) for deny in denies]
        taken = self._fewest(applies, let_through)
        if taken is not None:
            by = _names(denies[place].id for place in taken)
            yield _finding(rule, "denied", f"all that `{rule.id}` allows is taken away by {by}")

    def _shadowed(self, rule: Rule, applies: Formula, others: Sequence[Rule]) -> Iterator[Finding]:
        shadows = self._fewest(applies, [z3.Not(self._meaning.true(other)) for other in others])
        if shadows is not None:
            by = _names(others[place].id for place in shadows)
            together = " together" if len(shadows) > 1 else ""
            sentence = f"all that `{rule.id}` allows is allowed by {by}{together} anyway"
            yield _finding(rule, "shadowed", sentence)

    def _fewest(self, applies: Formula, others: Sequence[Formula]) -> list[int] | None:
        """The places of a few of the others that cannot all be true where the rule applies: one of
        them if one is enough."""
        conflict = self._solver.conflict(applies, others)
        for place in conflict or ():
            if not self._solver.possible(applies, others[place]):
                return [place]
        return conflict

    def _idle_deny(self, rule: Rule, in_force: Formula) -> Iterator[Finding]:
        rules = self._policy.on_side(rule.side)
        let_through = self._solver.true
        if self._policy.grants(rule.side):
            let_through = self._solver.any_of(
                self._meaning.true(each) for each in rules if each.effect == "allow"
            )
        if not self._solver.possible(in_force, self._meaning.not_false(rule), let_through):
            sentence = f"`{rule.id}` takes nothing away from what is allowed"
            yield _finding(rule, "idle_deny", sentence)

    def _of_mask(self, rule: MaskRule) -> Iterator[Finding]:
        clear = rule.mask.kind is MaskKind.CLEAR
        applies = self._meaning.true(rule) if clear else self._meaning.not_false(rule)
        counts = self._meaning.mask_in_force(rule)
        if not self._solver.possible(self._visible, counts, applies):
            sentence = f"`{rule.id}` applies to no row that anyone can see"
            yield _finding(rule, "idle_mask", sentence)


def _finding(rule: Rule | MaskRule, kind: FindingKind, sentence: str) -> Finding:
    return Finding(rule=rule.id, kind=kind, sentence=f"{sentence[0].upper()}{sentence[1:]}.")


def _names(ids: Iterable[str]) -> str:
    *all_but_last, last = [f"`{id}`" for id in ids]
    return f"{', '.join(all_but_last)} and {last}" if all_but_last else last

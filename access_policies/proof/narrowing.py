"""Two versions of a policy side by side: does the new one show more?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import z3

from access_policies.masks import PERIODS, Mask, MaskKind
from access_policies.policies import Policy
from access_policies.proof.encoding import Encoding
from access_policies.proof.meaning import Meaning
from access_policies.proof.replay import Replay
from access_policies.proof.solver import Formula, Solver, UndecidedError
from access_policies.proof.values import microseconds
from access_policies.proof.verdict import Limits, Verdict
from access_policies.proof.witness import NoWitnessError, witness
from index.specs import CallerAttributes, EntitySpecs

_TODAY = datetime(2026, 1, 1, tzinfo=UTC)  # the same every day, so that an answer is, too
_PROVED = "No caller can see a row or a field with the new version that is not shown now."
_NO_ANSWER = "The solver came to no end in time, so that nothing is proved."
_NOT_REAL = (
    "There is no proof, and no example either: what the solver took for one shows no more with the"
    " new version when it is tried."
)


def compare(
    old: Policy | None,
    new: Policy | None,
    specs: EntitySpecs,
    callers: CallerAttributes,
    limits: Limits,
) -> Verdict:
    """See `narrows`."""
    if new is None or new == old:
        return Verdict(outcome="proved", reason=_PROVED)
    comparison = _Comparison(old, new, Encoding(Solver(limits), new.entity, specs, callers))
    try:
        return comparison.verdict()
    except UndecidedError:
        return Verdict(outcome="unknown", reason=_NO_ANSWER)


def withholds(mask: Mask | None, other: Mask | None) -> bool:
    """Whether a mask shows nothing that the other does not show; None is no mask.

    One kind withholds more than the next in the order of MaskKind, and of two buckets the one whose
    bounds are all bounds of the other: of 1500 and 1000 neither does.
    """
    if other is None or mask == other:
        return True
    if mask is None:
        return False
    if mask.kind is not MaskKind.BUCKET or other.kind is not MaskKind.BUCKET:
        return mask.strictness <= other.strictness
    if mask.to in PERIODS and other.to in PERIODS:
        return PERIODS.index(mask.to) >= PERIODS.index(other.to)
    if mask.to in PERIODS or other.to in PERIODS:
        return False
    return Decimal(mask.to) % Decimal(other.to) == 0


class _Comparison:
    def __init__(self, old: Policy | None, new: Policy, encoding: Encoding) -> None:
        self._policies = (old, new)
        self._encoding = encoding
        self._solver = encoding.solver
        self._before, self._after = Meaning(old, encoding), Meaning(new, encoding)

    def verdict(self) -> Verdict:
        questions = dict(self._questions())
        self._solver.assume(self._encoding.axioms())
        for field, conditions in questions.items():
            if not self._solver.possible(*conditions):
                continue
            return self._refutation(field, conditions)
        return Verdict(outcome="proved", reason=_PROVED)

    def _questions(self) -> Iterator[tuple[str, list[Formula]]]:
        """By field, what must be impossible; the empty one is for the row itself."""
        before, after = self._before.visible, self._after.visible
        yield "", [after, z3.Not(before)]
        asked = set[object]()
        for field in self._masked_before():
            layers = tuple(_mask_layers(policy, field) for policy in self._policies)
            if layers[0] != layers[1] and layers not in asked:
                asked.add(layers)
                yield field, [after, before, self._weaker(field)]

    def _weaker(self, field: str) -> Formula:
        """When the field shows more of its value than before."""
        now = self._after.levels(field)
        clear = z3.Not(self._solver.any_of(on for _, on in now))
        return self._solver.any_of(
            z3.And(was_on, on)
            for was, was_on in self._before.levels(field)
            for mask, on in [*now, (None, clear)]
            if not withholds(mask, was)
        )

    def _masked_before(self) -> list[str]:
        old, _ = self._policies
        masks = () if old is None else (*old.masks, *old.guard_masks)
        return sorted({field for rule in masks for field in rule.fields})

    def _refutation(self, field: str, conditions: list[Formula]) -> Verdict:
        """The first model that stands the test of both versions: of a user and of today if there is
        one, as that is easiest to picture; at last without what is only half known of texts."""
        replay = Replay(*self._policies, withholds)
        user = self._after.with_user
        today = self._encoding.variables.now == microseconds(_TODAY)
        for more in ([user, today], [user], [], self._encoding.tests.plain()):
            try:
                model = self._solver.model(*conditions, *more)
                if model is None:
                    continue
                found = replay.counterexample(witness(model, self._encoding), field)
            except (UndecidedError, NoWitnessError):
                continue
            if found is not None:
                return Verdict(outcome="refuted", reason=f"{found}.", counterexample=found)
        return Verdict(outcome="unknown", reason=_NOT_REAL)


def _mask_layers(policy: Policy | None, field: str) -> tuple[object, ...]:
    """All that decides of a field's masks."""
    layers = () if policy is None else policy.mask_layers(agent=True)
    return tuple(
        frozenset((rule.mask, rule.side, rule.predicate) for rule in layer if field in rule.fields)
        for layer in layers
    )

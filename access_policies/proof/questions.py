"""What can be asked about policies. Only an answer loads the solver, which takes its time and need
not be installed."""

from __future__ import annotations

from access_policies.policies import Policy
from access_policies.proof.verdict import Finding, Limits, Verdict, require_solver
from index.specs import CallerAttributes, EntitySpecs

_DEFAULT = Limits()


def narrows(
    old: Policy | None,
    new: Policy | None,
    specs: EntitySpecs,
    callers: CallerAttributes,
    *,
    limits: Limits = _DEFAULT,
) -> Verdict:
    """Whether the new version of one entity's policy shows no caller a row that the old one does
    not show, and no field of a row with more of it in sight.

    None is an entity without a policy, which nobody sees. `proved` holds at any moment and for
    every caller and row whose values have the types of the model. Raises ProofUnavailable when the
    solver is not installed.
    """
    require_solver()
    from access_policies.proof.narrowing import compare

    return compare(old, new, specs, callers, limits)


def findings(
    policy: Policy,
    specs: EntitySpecs,
    callers: CallerAttributes,
    *,
    limits: Limits = _DEFAULT,
) -> list[Finding]:
    """The rules and masks of a policy that do nothing, or not what they seem to do, in the order in
    which they stand. Each finding is proved; what could not be examined in time is the last.

    A rule that is just `true` is meant so and not found. Raises ProofUnavailable when the solver is
    not installed.
    """
    require_solver()
    from access_policies.proof.examination import examine

    return examine(policy, specs, callers, limits)

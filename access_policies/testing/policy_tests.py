"""The tests of policies, run: what was expected, what Casbin decides, which rules were met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from access_policies.explain import Explanation, explain
from access_policies.snapshot import Snapshot
from access_policies.testing.coverage import RuleCoverage, measure
from access_policies.testing.expectations import Access, Case

MOST_SHOWN = 100
"""Failures that a report spells out; of more than these it says only how many there are."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A case with what the policy makes of it; the grounds are there when it is not as expected."""

    case: Case
    actual: Access
    explanation: Explanation | None

    @property
    def passed(self) -> bool:
        return self.actual == self.case.expected

    def lines(self) -> list[str]:
        """The result for a terminal; of a failure with every rule and what it saw."""
        case = self.case
        verdict = "passed" if self.passed else "FAILED"
        pair = f"{case.person} and {case.row}"
        lines = [
            f"{verdict} {case.document}, line {case.line}: {pair}"
            if case.line
            else f"{verdict} {case.document}: {pair}, which no expectation lists"
        ]
        if self.explanation is not None:
            lines.append(f"  expected {_words(case.expected)}; it is {_words(self.actual)}")
            lines += [f"  expected because: {case.because}"] if case.because else []
            lines += [f"  {line}" for line in self.explanation.lines()]
        return lines


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of all tests of one version."""

    version: str
    results: tuple[Result, ...]
    coverage: tuple[RuleCoverage, ...]
    untested: tuple[str, ...]  # entities with a policy and without a test

    @property
    def passed(self) -> bool:
        """Whether every case is as expected; true also when there is none (see `complete`)."""
        return not self.failures

    @property
    def complete(self) -> bool:
        """Whether every entity has tests, which have seen every rule true and false."""
        return not self.untested and not self.gaps

    @property
    def failures(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def gaps(self) -> tuple[RuleCoverage, ...]:
        """The rules that the tests have not seen both ways, of entities that have tests."""
        return tuple(
            rule for rule in self.coverage if rule.gap and rule.entity not in self.untested
        )

    def lines(self) -> list[str]:
        """The report for a terminal: failures, then what no test looks at, then the sums."""
        shown = self.failures[:MOST_SHOWN]
        lines = [line for failure in shown for line in failure.lines()]
        if more := len(self.failures) - len(shown):
            lines.append(f"FAILED {more} more")
        for rule in self.gaps:
            lines.append(f"not covered: {rule.entity}, {rule.effect} {rule.id} was {rule.gap}")
        lines += [f"not covered: {entity} has no tests" for entity in self.untested]
        failed, seen = len(self.failures), sum(not rule.gap for rule in self.coverage)
        lines.append(
            f"{len(self.results) - failed} passed, {failed} failed;"
            f" {seen} of {len(self.coverage)} rules covered"
        )
        return lines

    def as_evidence(self) -> dict[str, object]:
        """The report as JSON can hold it. It repeats no row: the documents of the version do."""
        return {
            "version": self.version,
            "passed": self.passed,
            "complete": self.complete,
            "cases": len(self.results),
            "failed": len(self.failures),
            "failures": [_failure(result) for result in self.failures[:MOST_SHOWN]],
            "coverage": [
                {
                    "entity": rule.entity,
                    "rule": rule.id,
                    "effect": rule.effect,
                    "guard_rail": rule.guard_rail,
                    "true": rule.true,
                    "false": rule.false,
                    "unknown": rule.unknown,
                    "gap": rule.gap,
                }
                for rule in self.coverage
            ],
            "untested": list(self.untested),
        }


def run_tests(snapshot: Snapshot, cases: Iterable[Case]) -> Report:
    """Decide every case and compare; `read_tests` makes the cases of `snapshot.policies.tests`."""
    every = tuple(cases)
    policies = snapshot.policies.policies
    tested = {case.entity for case in every}
    return Report(
        version=snapshot.version,
        results=tuple(_result(snapshot, case) for case in every),
        coverage=measure(policies.values(), every),
        untested=tuple(sorted(policies.keys() - tested)),
    )


def _result(snapshot: Snapshot, case: Case) -> Result:
    question = (case.principal, case.entity, case.values, case.now)
    actual = snapshot.masks_for(*question) if snapshot.decide(*question) else None
    explanation = None if actual == case.expected else explain(snapshot, *question)
    return Result(case=case, actual=actual, explanation=explanation)


def _words(access: Access) -> str:
    if access is None:
        return "hidden"
    masks = ", ".join(f"{field} ({mask})" for field, mask in sorted(access.items()))
    return f"visible with {masks}" if masks else "visible in the clear"


def _failure(result: Result) -> dict[str, object]:
    explanation = result.explanation
    return {
        "document": result.case.document,
        "line": result.case.line,
        "entity": result.case.entity,
        "person": result.case.person,
        "row": result.case.row,
        "expected": _plain(result.case.expected),
        "actual": _plain(result.actual),
        "deciding": list(explanation.deciding) if explanation is not None else [],
    }


def _plain(access: Access) -> Mapping[str, object]:
    if access is None:
        return {"visible": False}
    return {"visible": True, "masks": {field: str(mask) for field, mask in sorted(access.items())}}

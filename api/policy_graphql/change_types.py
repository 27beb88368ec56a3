"""A change of policies as GraphQL types: its tests, who gains and who loses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType
from uuid import UUID

import strawberry

from access_policies.testing.policy_tests import Report
from api.policy_desk import Change
from index.errors import InvalidRequest
from semantic_layer import impact

# GraphQL's own Int ends at two billion: a thousand callers times a few million rows.
Count = NewType("Count", int)
COUNT = strawberry.scalar(
    name="Count", description="A whole number, however large.", serialize=int, parse_value=int
)


@strawberry.type(description="How often the tests have seen a rule true, false and unknown.")
class RuleCoverage:
    entity: str
    rule: str
    true: int
    false: int
    unknown: int
    gap: str | None = strawberry.field(description="What no test has seen; null for nothing.")


@strawberry.type(description="What came of the tests that stand in a version.")
class TestReport:
    __test__ = False  # for pytest, which takes the name for a class of tests

    passed: bool
    complete: bool = strawberry.field(
        description="Every entity has tests, which have seen every rule true and false."
    )
    cases: int
    failed: int
    untested: list[str] = strawberry.field(description="Entities with a policy and without tests.")
    coverage: list[RuleCoverage]
    lines: list[str] = strawberry.field(description="The report in words: failures, gaps, sums.")

    @classmethod
    def of(cls, report: Report) -> TestReport:
        return cls(
            passed=report.passed,
            complete=report.complete,
            cases=len(report.results),
            failed=len(report.failures),
            untested=list(report.untested),
            coverage=[
                RuleCoverage(
                    entity=rule.entity,
                    rule=rule.id,
                    true=rule.true,
                    false=rule.false,
                    unknown=rule.unknown,
                    gap=rule.gap,
                )
                for rule in report.coverage
            ],
            lines=report.lines(),
        )


@strawberry.type(description="On how many rows a field is shown otherwise.")
class FieldChange:
    field: str
    unmasked: Count
    masked: Count
    changed: Count = strawberry.field(description="Masked in another way.")


@strawberry.type(description="What a caller gains and loses of one entity.")
class AffectedCaller:
    user: str | None
    agent: str | None
    purpose: str | None
    gained: int
    lost: int
    fields: list[FieldChange]

    @classmethod
    def of(cls, affected: impact.Affected) -> AffectedCaller:
        principal, change = affected.principal, affected.change
        return cls(
            user=principal.user,
            agent=principal.agent,
            purpose=principal.purpose,
            gained=change.gained,
            lost=change.lost,
            fields=_field_changes(change.fields),
        )


@strawberry.type(description="A row that somebody gains or loses, and that you see already.")
class SampleRow:
    id: UUID
    title: str


def _callers(
    root: strawberry.Parent[EntityImpact],  # defined below
    first: int = 50,
) -> list[AffectedCaller]:
    if first < 0:
        raise InvalidRequest("`first` cannot be below 0.")
    ordered = sorted(root.all_callers, key=lambda each: -(each.change.gained + each.change.lost))
    return [AffectedCaller.of(each) for each in ordered[:first]]


@strawberry.type(description="What changes about one entity.")
class EntityImpact:
    entity: str
    rows: int = strawberry.field(description="All there are.")
    gained: Count = strawberry.field(
        description="Rows, counted once for each caller who gains one."
    )
    lost: Count
    affected: int = strawberry.field(description="Callers to whom something changes.")
    fields: list[FieldChange]
    gained_samples: list[SampleRow]
    lost_samples: list[SampleRow]
    callers: list[AffectedCaller] = strawberry.field(
        resolver=_callers, description="Those to whom something changes, the most changed first."
    )
    all_callers: strawberry.Private[tuple[impact.Affected, ...]]

    @classmethod
    def of(cls, found: impact.EntityImpact) -> EntityImpact:
        return cls(
            entity=found.entity,
            rows=found.rows,
            gained=Count(found.gained),
            lost=Count(found.lost),
            affected=len(found.affected),
            fields=_field_changes(found.fields()),
            gained_samples=[SampleRow(id=s.id, title=s.title) for s in found.gained_samples],
            lost_samples=[SampleRow(id=s.id, title=s.title) for s in found.lost_samples],
            all_callers=found.affected,
        )


@strawberry.type(description="A version compared with what is in force.")
class PolicyChange:
    words: list[str] = strawberry.field(description="What changes, a sentence each.")
    needs_second_person: bool
    widens: list[str] = strawberry.field(description="Why a second person is needed.")
    tests: TestReport
    callers: int = strawberry.field(description="How many were looked at.")
    affected: int
    gained: Count
    lost: Count
    entities: list[EntityImpact]
    lines: list[str] = strawberry.field(description="All of it in words.")

    @classmethod
    def of(cls, change: Change) -> PolicyChange:
        found = change.preview
        return cls(
            words=list(change.words),
            needs_second_person=bool(change.widens),
            widens=list(change.widens),
            tests=TestReport.of(change.report),
            callers=found.principals,
            affected=len(found.affected),
            gained=Count(found.gained),
            lost=Count(found.lost),
            entities=[EntityImpact.of(each) for each in found.entities],
            lines=change.lines(),
        )


def _field_changes(changes: Mapping[str, impact.FieldChange]) -> list[FieldChange]:
    return [
        FieldChange(
            field=name,
            unmasked=Count(each.unmasked),
            masked=Count(each.masked),
            changed=Count(each.changed),
        )
        for name, each in changes.items()
    ]

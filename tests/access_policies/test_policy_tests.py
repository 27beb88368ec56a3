"""Tests beside policies: an expectation is exact, and says which rules it has never met."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from access_policies import Snapshot, load_policies, read_policies
from access_policies.testing.expectations import read_tests
from access_policies.testing.policy_tests import MOST_SHOWN, Report, run_tests
from semantic_layer import load_model

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo" / "policies"
MODEL = load_model()

TICKETS = """
entity: ticket
rules:
  - id: own-regions
    effect: allow
    when: ticket.customer.region in user.regions
  - id: legal
    effect: deny
    when: '"legal" in ticket.tags'
    because: What may end in court is not for everybody.
masks:
  - {id: what-customers-write, fields: [description], mask: hide, when: user.department == "sales"}
  - {id: when, fields: [due_at], mask: bucket, to: month, when: user.department == "sales"}
"""
PEOPLE_AND_ROWS = """
tests: ticket
people:
  maya: {user: {department: support, regions: [EMEA]}}
  omar: {user: {department: sales, regions: [EMEA]}}
rows:
  near: {tags: [], customer: {region: EMEA}}
  far: {tags: [], customer: {region: AMER}}
  court: {tags: [legal], customer: {region: EMEA}}
expect:
"""
MAYA_SEES = "  - {who: maya, see: near}\n"
OMAR_SEES = "  - {who: omar, see: near, mask: {description: hide, due_at: bucket to month}}\n"


def _run(policies: str | list[str], *documents: str) -> Report:
    given = [policies] if isinstance(policies, str) else policies
    policy_texts = [(f"{number}.yaml", textwrap.dedent(text)) for number, text in enumerate(given)]
    test_texts = [
        (f"{number}.test.yaml", textwrap.dedent(text)) for number, text in enumerate(documents, 1)
    ]
    snapshot = Snapshot(read_policies([*policy_texts, *test_texts], MODEL.specs, MODEL.callers))
    cases = read_tests(snapshot.policies.tests.items(), MODEL.specs, MODEL.callers)
    return run_tests(snapshot, cases)


def test_the_demo_s_policies_pass_their_tests_which_cover_every_rule() -> None:
    policies = load_policies(DEMO, MODEL.specs, MODEL.callers)
    cases = read_tests(policies.tests.items(), MODEL.specs, MODEL.callers)

    report = run_tests(Snapshot(policies), cases)

    assert report.passed, "\n".join(report.lines())
    assert report.complete, "\n".join(report.lines())
    # Every stream of the demo is mapped.
    assert {case.entity for case in cases} == set(MODEL.entities) - {"raw_record"}


@pytest.mark.parametrize(
    ("expectations", "wrong"),
    [
        # Exactly what is so.
        (MAYA_SEES + OMAR_SEES, {}),
        # A row that is seen without being listed.
        (OMAR_SEES, {("maya", "near"): ("hidden", "visible in the clear")}),
        # A row that is listed without being seen, by no rule and by a deny rule.
        (
            MAYA_SEES.replace("near", "[near, far, court]") + OMAR_SEES,
            {
                ("maya", "far"): ("visible in the clear", "hidden"),
                ("maya", "court"): ("visible in the clear", "hidden"),
            },
        ),
        # A field that is masked without being named.
        (
            MAYA_SEES + OMAR_SEES.replace("description: hide, ", ""),
            {
                ("omar", "near"): (
                    "visible with due_at (bucket to month)",
                    "visible with description (hide), due_at (bucket to month)",
                )
            },
        ),
        # A field that is named without being masked.
        (
            MAYA_SEES.replace("near", "near, mask: {subject: redact}") + OMAR_SEES,
            {("maya", "near"): ("visible with subject (redact)", "visible in the clear")},
        ),
        # Another mask than the one in force, and another width of it.
        (
            MAYA_SEES + OMAR_SEES.replace("hide", "redact").replace("month", "year"),
            {
                ("omar", "near"): (
                    "visible with description (redact), due_at (bucket to year)",
                    "visible with description (hide), due_at (bucket to month)",
                )
            },
        ),
    ],
)
def test_an_expectation_is_exact(
    expectations: str, wrong: dict[tuple[str, str], tuple[str, str]]
) -> None:
    report = _run(TICKETS, PEOPLE_AND_ROWS + expectations)

    assert len(report.results) == 6
    assert report.passed is not bool(wrong)
    assert {(each.case.person, each.case.row) for each in report.failures} == set(wrong)
    lines = report.lines()
    for expected, actual in wrong.values():
        assert f"  expected {expected}; it is {actual}" in lines


def test_a_failure_reads_well() -> None:
    report = _run(
        TICKETS,
        PEOPLE_AND_ROWS
        + "  - {who: maya, see: [near, court], because: Support settles disputes.}\n"
        + OMAR_SEES,
    )

    text = "\n".join(report.lines())
    assert text.startswith(
        "FAILED 1.test.yaml, line 11: maya and court\n"
        "  expected visible in the clear; it is hidden\n"
        "  expected because: Support settles disputes.\n"
        "  ticket: hidden, denied by legal"
    )
    assert '"legal" in ticket.tags' in text
    assert 'true with ticket.tags = ["legal"]' in text
    assert text.endswith("\n5 passed, 1 failed; 4 of 4 rules covered")


def test_the_evidence_is_plain_json() -> None:
    report = _run(TICKETS, PEOPLE_AND_ROWS + OMAR_SEES)

    evidence = json.loads(json.dumps(report.as_evidence()))

    assert evidence["version"] == report.version
    assert (evidence["passed"], evidence["complete"], evidence["cases"]) == (False, True, 6)
    assert evidence["failures"] == [
        {
            "document": "1.test.yaml",
            "line": None,
            "entity": "ticket",
            "person": "maya",
            "row": "near",
            "expected": {"visible": False},
            "actual": {"visible": True, "masks": {}},
            "deciding": ["own-regions"],
        }
    ]
    assert evidence["coverage"][1] == {
        "entity": "ticket",
        "rule": "legal",
        "effect": "deny",
        "guard_rail": False,
        "true": 2,
        "false": 4,
        "unknown": 0,
        "gap": "",
    }


SIDES = """
entity: ticket
rules:
  - {id: everybody, effect: allow, when: user.name != "mallory"}
  - {id: no-crm-bots, for: agent, effect: deny, when: agent.vendor == "acme"}
  - {id: public-crawlers, for: agent_alone, effect: allow, when: agent.name == "crawler"}
  - {id: not-for-marketing, for: purpose, effect: deny, when: purpose == "marketing"}
masks:
  - {id: from-bots, for: agent, fields: [description], mask: redact, when: ticket.channel == "mail"}
"""
GUARD_RAIL = """
guard_rail: ticket
rules:
  - {id: never-court, effect: deny, when: '"court" in ticket.tags'}
"""
SIDES_TESTS = """
tests: ticket
people:
  maya: {user: {}, purpose: support}
  maya-for-marketing: {user: {name: maya}, purpose: marketing}
  maya-by-bot: {user: {name: maya}, agent: {name: helper, vendor: initech}, purpose: support}
  maya-by-acme: {user: {name: maya}, agent: {vendor: acme}, purpose: support}
  mallory: {user: {}, purpose: support}
  crawler: {agent: {}, purpose: support}
  spider: {agent: {}, purpose: support}
rows:
  mail: {channel: mail, tags: []}
  chat: {channel: chat, tags: []}
  court: {channel: chat, tags: [court]}
expect:
  - {who: maya, see: [mail, chat]}
  - {who: maya-by-bot, see: mail, mask: {description: redact}}
  - {who: maya-by-bot, see: chat}
  - {who: crawler, see: mail, mask: {description: redact}}
  - {who: crawler, see: chat}
"""


def test_every_side_of_a_policy_can_be_tested() -> None:
    report = _run([SIDES, GUARD_RAIL], SIDES_TESTS)

    assert report.passed, "\n".join(report.lines())
    assert report.complete, "\n".join(report.lines())


def test_a_rule_is_covered_only_where_its_side_is_in_force() -> None:
    tests = """
    tests: ticket
    people:
      maya: {user: {}, purpose: support}
      spider: {agent: {}, purpose: support}
    rows:
      mail: {channel: mail, tags: []}
      unmarked: {}
    expect:
      - {who: maya, see: mail}
    """
    report = _run([SIDES, GUARD_RAIL], tests)

    assert report.passed, "\n".join(report.lines())
    seen = {each.id: (each.true, each.false, each.unknown) for each in report.coverage}
    assert seen == {
        # Of users, and so not of the spider.
        "everybody": (2, 0, 0),
        # Of agents for a user, of whom there is none here.
        "no-crm-bots": (0, 0, 0),
        "public-crawlers": (0, 2, 0),
        # A purpose, masks for agents and a guard rail hold for agents alone, too.
        "not-for-marketing": (0, 4, 0),
        "from-bots": (1, 0, 1),
        "never-court": (0, 2, 2),
    }
    assert [each.id for each in report.coverage if each.guard_rail] == ["never-court"]


@pytest.mark.parametrize(
    ("when", "rows", "gap"),
    [
        # Both ways.
        ('ticket.status == "OPEN"', "a: {status: OPEN}, b: {status: NEW}", ""),
        # One way, and the other.
        ('ticket.status == "OPEN"', "a: {status: OPEN}", "never false"),
        ('ticket.status == "OPEN"', "a: {status: NEW}", "never true"),
        # Unknown is neither.
        ('ticket.status == "OPEN"', "a: {}", "never true and never false"),
        ('ticket.status == "OPEN"', "a: {status: OPEN}, b: {}", "never false"),
        # What is the same for everybody need not be anything else.
        ("true", "a: {}", ""),
        ("false", "a: {}", ""),
    ],
)
def test_coverage(when: str, rows: str, gap: str) -> None:
    policy = f"entity: ticket\nrules:\n  - {{id: rule, effect: deny, when: '{when}'}}"
    tests = f"tests: ticket\npeople: {{maya: {{user: {{}}}}}}\nrows: {{{rows}}}\nexpect: []"

    report = _run(policy, tests)

    assert report.passed
    assert report.complete is not bool(gap)
    (rule,) = report.coverage
    assert rule.gap == gap
    uncovered = [f"not covered: ticket, deny rule was {gap}"] if gap else []
    assert report.lines()[:-1] == uncovered


def test_several_documents_cover_an_entity_together() -> None:
    policy = "entity: ticket\nrules: [{id: a, effect: deny, when: ticket.priority == 'HIGH'}]"
    tests = "tests: ticket\npeople: {maya: {user: {}}}\nrows: {a: {priority: HIGH}}\nexpect: []"

    assert not _run(policy, tests).complete
    assert _run(policy, tests, tests.replace("HIGH", "LOW")).complete


def test_an_entity_without_tests_is_named() -> None:
    customers = "entity: customer\nrules: [{id: all, effect: allow, when: 'true'}]"

    report = _run([TICKETS, customers], PEOPLE_AND_ROWS + MAYA_SEES + OMAR_SEES)

    assert (report.passed, report.complete, report.untested) == (True, False, ("customer",))
    assert "not covered: customer has no tests" in report.lines()
    assert report.as_evidence()["untested"] == ["customer"]


def test_without_a_policy_nobody_sees_anything() -> None:
    row = "people: {maya: {user: {}}}\nrows: {acme: {}}"

    report = _run(TICKETS, f"tests: customer\n{row}\nexpect: [{{who: maya, see: acme}}]")

    assert "  customer: hidden, as it has no policy" in "\n".join(report.lines())


def test_rules_reach_as_far_as_rows_do() -> None:
    policy = """
    entity: ticket
    rules:
      - {id: near, effect: allow, when: ticket.requester.account.region == "EMEA"}
      - {id: notes, effect: deny, when: "any(ticket.comments, comment.public == false)"}
    """
    tests = """
    tests: ticket
    people: {maya: {user: {}}}
    rows:
      near: {requester: {account: {region: EMEA}}}
      answered: {requester: {account: {region: EMEA}}, comments: [{public: true}]}
      noted: {requester: {account: {region: EMEA}}, comments: [{public: true}, {public: false}]}
      unmarked: {requester: {account: {region: EMEA}}, comments: [{}]}
      far: {requester: {account: {region: AMER}}}
      unknown: {requester: null}
    expect:
      - {who: maya, see: [near, answered]}
    """

    report = _run(policy, tests)

    assert report.passed, "\n".join(report.lines())
    assert report.complete


def test_of_many_failures_the_first_are_spelled_out() -> None:
    names = [f"r{number}" for number in range(MOST_SHOWN + 20)]
    tests = f"""
    tests: ticket
    people: {{maya: {{user: {{}}}}}}
    rows: {{{", ".join(f"{name}: {{}}" for name in names)}}}
    expect: [{{who: maya, see: [{", ".join(names)}]}}]
    """

    report = _run(TICKETS, tests)

    assert "FAILED 20 more" in report.lines()
    assert sum(line.startswith("FAILED 1.test.yaml") for line in report.lines()) == MOST_SHOWN
    evidence: dict[str, Any] = report.as_evidence()
    assert evidence["failed"] == MOST_SHOWN + 20
    assert len(evidence["failures"]) == MOST_SHOWN

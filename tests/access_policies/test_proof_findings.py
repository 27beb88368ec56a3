"""Rules and masks that do nothing, or not what they seem to do, and what is said of them."""

from __future__ import annotations

import pytest

from access_policies import read_policies
from access_policies.proof import Finding, Limits, findings
from tests.access_policies.strategies import CALLERS, SPECS

PATIENT = Limits(question=30, call=120)

# The rules of a policy as (id, effect and side, condition), and what is found: (id, kind, words of
# the sentence).
Rules = dict[str, tuple[str, str]]
Found = list[tuple[str, str, str]]
RULES: list[tuple[Rules, Found]] = [
    # Rules that differ in what they allow and take away.
    (
        {
            "own": ("allow", "ticket.region == user.region"),
            "leads": ("allow", "user.lead"),
            "no": ("deny", "ticket.urgent"),
        },
        [],
    ),
    # No row is both.
    (
        {"both": ("allow", 'ticket.status == "open" and ticket.status == "closed"')},
        [("both", "never_true", "`both` is never true.")],
    ),
    # No whole number is between two that follow each other.
    (
        {
            "between": ("allow", "1 < ticket.priority < 2"),
            "some": ("allow", "1 < ticket.score < 2"),
        },
        [("between", "never_true", "never true")],
    ),
    # A deny rule that is never true still takes away what it does not know.
    (
        {"all": ("allow", "true"), "no": ("deny", "ticket.priority > 5 and ticket.priority < 3")},
        [("no", "never_true", "takes away only rows on which a value that it reads is missing")],
    ),
    # Missing or not.
    (
        {"any": ("allow", "ticket.region == null or ticket.region != null")},
        [("any", "always_true", "`any` is true of every row and caller.")],
    ),
    # What is just `true` is meant so.
    ({"all": ("allow", "true")}, []),
    # Not always true, because of what is missing.
    ({"most": ("allow", 'ticket.region == "emea" or ticket.region != "emea"')}, []),
    # One allows what another does; of two that say the same the first stays.
    (
        {
            "few": ("allow", 'ticket.region == "emea" and user.lead'),
            "many": ("allow", 'ticket.region in ["emea", "apac"]'),
            "again": ("allow", 'ticket.region == "apac" or ticket.region == "emea"'),
        },
        [
            ("few", "shadowed", "All that `few` allows is allowed by `many` anyway."),
            ("again", "shadowed", "`many`"),
        ],
    ),
    # Several allow it together, where no single one does.
    (
        {
            "half": ("allow", "ticket.priority < 3"),
            "rest": ("allow", "ticket.priority > 2"),
            "numbered": ("allow", "ticket.priority != null"),
            "other": ("allow", "ticket.urgent"),
        },
        [("numbered", "shadowed", "allowed by `half` and `rest` together anyway")],
    ),
    # Rules of different sides do not shadow each other.
    ({"users": ("allow", "ticket.urgent"), "agents": ("allow, for: agent", "ticket.urgent")}, []),
    # What is allowed is taken away.
    (
        {
            "open": ("allow", 'ticket.status == "open"'),
            "calm": ("allow", "not ticket.urgent"),
            "no": ("deny", 'ticket.status != "closed"'),
        },
        [("open", "denied", "All that `open` allows is taken away by `no`.")],
    ),
    # A deny rule for what nobody may see anyway.
    (
        {"emea": ("allow", 'ticket.region == "emea"'), "no": ("deny", 'ticket.region == "apac"')},
        [("no", "idle_deny", "`no` takes nothing away from what is allowed.")],
    ),
    # It does take away: where the status is missing it is not false.
    (
        {"emea": ("allow", 'ticket.region == "emea"'), "no": ("deny", 'ticket.status == "open"')},
        [],
    ),
    # A limit without allow rules takes away from everything.
    ({"all": ("allow", "true"), "no": ("deny, for: agent", 'agent.vendor == "globex"')}, []),
    # An agent's rule is there only when there is an agent with a user.
    (
        {"alone": ("allow, for: agent", "user.name == null"), "some": ("allow", "user.lead")},
        [("alone", "never_true", "never true")],
    ),
    (
        {"named": ("allow, for: agent_alone", "agent.name != null")},
        [("named", "always_true", "true of every row")],
    ),
]


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_what_is_found_of_rules(rules: Rules, expected: Found) -> None:
    lines = [
        f"  - {{id: {id}, effect: {effect}, when: '{when}'}}"
        for id, (effect, when) in rules.items()
    ]
    found = _found("\n".join(["entity: ticket", "rules:", *lines]))
    assert [(each.rule, each.kind) for each in found] == [(id, kind) for id, kind, _ in expected]
    for each, (_, _, words) in zip(found, expected, strict=True):
        assert words in each.sentence


MASKS = [
    # On rows that the rules let through.
    ("mask: hide, when: ticket.urgent", []),
    # The rules let through only tickets of emea.
    ('mask: hide, when: ticket.region == "apac"', ["idle_mask"]),
    # A mask applies unless it is false, `clear` only where it is true.
    ("mask: hide, when: ticket.priority > 2 and ticket.priority < 2", []),
    ("mask: clear, when: ticket.priority > 2 and ticket.priority < 2", ["idle_mask"]),
    # A mask for agents counts when there is an agent.
    ("mask: hide, for: agent, when: agent.name == null", ["idle_mask"]),
    ("mask: hide, for: agent, when: user.name == null", []),
]


@pytest.mark.parametrize(("mask", "expected"), MASKS)
def test_what_is_found_of_masks(mask: str, expected: list[str]) -> None:
    mask, when = mask.split(", when: ")
    found = _found(
        f"""
entity: ticket
rules:
  - {{id: emea, effect: allow, when: ticket.region == "emea"}}
  - {{id: alone, effect: allow, for: agent_alone, when: ticket.region == "emea"}}
masks:
  - {{id: masked, fields: [title], {mask}, when: '{when}'}}
"""
    )
    assert [each.kind for each in found] == expected
    assert all(each.rule == "masked" for each in found)


def test_a_guard_rail_may_guard_against_what_no_owner_allows_yet() -> None:
    owner = "entity: ticket\nrules:\n  - {id: emea, effect: allow, when: ticket.region == 'emea'}"
    guard = """
guard_rail: ticket
rules:
  - {id: embargo, effect: deny, when: ticket.region == "embargo"}
  - {id: nothing, effect: deny, when: ticket.urgent and not ticket.urgent}
"""
    assert [(each.rule, each.kind) for each in _found(owner, guard)] == [("nothing", "never_true")]
    # What it takes away it takes away from all.
    all_of_it = guard.replace('"embargo"', '"emea"')
    assert ("emea", "denied") in [(each.rule, each.kind) for each in _found(owner, all_of_it)]


def _found(*documents: str) -> list[Finding]:
    named = [(f"{number}.yaml", text) for number, text in enumerate(documents)]
    policy = read_policies(named, SPECS, CALLERS).policies["ticket"]
    return findings(policy, SPECS, CALLERS, limits=PATIENT)

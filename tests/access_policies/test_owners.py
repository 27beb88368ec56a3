"""Who may change which policies: the document, Casbin's decisions, and what a change may touch."""

from __future__ import annotations

import logging

import pytest

from access_policies import PolicyError, Principal
from access_policies.ownership.owners import Action, Grant, Owners
from access_policies.ownership.owners_file import read_owners
from index.predicate import Caller, Comparison, Constant
from index.specs import FieldType
from tests.access_policies.strategies import SPECS

CALLERS = {
    "user": {
        "department": FieldType.TEXT,
        "regions": FieldType.TEXT_LIST,
        "teams": FieldType.TEXT_LIST,
    },
    "agent": {"vendor": FieldType.TEXT},
}

OWNERS = """\
owners:
  - id: support-data
    when: '"data-owners" in user.teams and user.department == "support"'
    entities: [ticket]
  - id: support-leads
    when: user.department == "support" and "leads" in user.teams
    entities: [ticket, customer]
    may: [approve]
  - id: sales-data
    when: user.department == "sales"
    entities: [customer, ticket]
    may: [edit]
    attributes: [department, name]
  - id: editor-bot
    when: agent.vendor == "acme" and purpose == "edit policies"
    entities: [customer]
    may: [edit, publish]
administrators:
  - id: security
    when: '"security" in user.teams'
"""


def _person(
    *teams: str,
    department: str | None = None,
    vendor: str | None = None,
    purpose: str | None = None,
) -> Principal:
    return Principal.create(
        tenant="acme",
        user=None if vendor else "maya",
        agent="bot" if vendor else None,
        purpose=purpose,
        user_attributes={"department": department, "teams": teams or None},
        agent_attributes={"vendor": vendor},
        declared=CALLERS,
    )


OWNER = _person("data-owners", department="support")
LEAD = _person("leads", department="support")
SELLER = _person(department="sales")
BOT = _person(vendor="acme", purpose="edit policies")
SECURITY = _person("security")


@pytest.fixture(scope="module")
def owners() -> Owners:
    return read_owners({"owners.yaml": OWNERS}, SPECS, CALLERS)


@pytest.mark.parametrize(
    ("who", "entity", "actions"),
    [
        (OWNER, "ticket", "edit approve publish explain"),  # without `may`: all of it
        (OWNER, "customer", ""),
        (LEAD, "ticket", "approve explain"),  # each owner may explain
        (LEAD, "customer", "approve explain"),
        (SELLER, "customer", "edit explain"),
        (BOT, "customer", "edit publish explain"),
        (BOT, "ticket", ""),
        (SECURITY, "ticket", "edit approve publish explain"),
        (SECURITY, "customer", "edit approve publish explain"),
        (SECURITY, "of tomorrow", "edit approve publish explain"),  # also what comes later
        # Two grants at once add up.
        (_person("data-owners", "leads", department="support"), "customer", "approve explain"),
        # Unknown is not true: an attribute is missing.
        (_person("data-owners"), "ticket", ""),
        (_person(department="support"), "ticket", ""),
        (_person(vendor="acme"), "customer", ""),
        (_person(), "ticket", ""),
        # Neither the wildcard of administrators nor an empty name is an entity of anybody's.
        (OWNER, "*", ""),
        (OWNER, "", ""),
    ],
)
def test_what_each_may_do(owners: Owners, who: Principal, entity: str, actions: str) -> None:
    every: tuple[Action, ...] = ("edit", "approve", "publish", "explain")
    assert [each for each in every if owners.may(who, each, entity)] == actions.split()


def test_administrators(owners: Owners) -> None:
    everybody = (OWNER, LEAD, SELLER, BOT, SECURITY)
    assert [who for who in everybody if owners.administers(who)] == [SECURITY]


def test_without_a_document_nobody_may_change_anything() -> None:
    nobody = read_owners({}, SPECS, CALLERS)
    assert not nobody.administers(SECURITY)
    assert not nobody.may(SECURITY, "edit", "ticket")


def test_a_condition_that_fails_grants_nothing(caplog: pytest.LogCaptureFixture) -> None:
    broken = Comparison("<", Caller("user", "department"), Constant(7))
    owners = Owners([Grant(id="broken", text="…", predicate=broken, entities=("ticket",))])
    with caplog.at_level(logging.ERROR):
        assert not owners.may(OWNER, "edit", "ticket")
    assert "broken cannot be evaluated" in caplog.text
    assert "support" not in caplog.text


def test_a_denied_editor_is_not_logged(owners: Owners, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert not owners.may(_person(), "edit", "ticket")
    assert caplog.text == ""


TICKET = """\
entity: ticket
rules:
  - {id: open, effect: allow, when: ticket.status == "open"}
  - {id: mine, effect: allow, when: ticket.requester_email == user.name}
  - {id: region, effect: deny, when: '"x" in user.regions'}
masks:
  - {id: title, fields: [title], mask: hide, when: 'user.department != "support"'}
"""
DOCUMENTS = {
    "ticket.yaml": TICKET,
    "ticket.test.yaml": "tests: ticket\n",
    "customer.yaml": "entity: customer\nrules: []\n",
    "limits.yaml": "guard_rail: ticket\nrules: []\n",
    "owners.yaml": OWNERS,
}
OTHER_RULE = '\nrules:\n  - {id: new, effect: allow, when: "true"}\n'


@pytest.mark.parametrize(
    ("who", "change", "problems"),
    [
        # Nothing changes.
        (_person(), {}, []),
        # An owner edits the policy and its tests, or takes them away.
        (OWNER, {"ticket.yaml": "entity: ticket" + OTHER_RULE, "ticket.test.yaml": None}, []),
        (OWNER, {"ticket.yaml": None, "t.yaml": TICKET}, []),
        # Somebody else's.
        (
            OWNER,
            {"customer.yaml": "entity: customer" + OTHER_RULE, "ticket.yaml": TICKET + "\n"},
            [
                "customer.yaml: you may not edit the policy of customer; sales-data or editor-bot"
                " or an administrator may"
            ],
        ),
        (
            BOT,
            {"ticket.test.yaml": "tests: ticket\nexpect: []\n"},
            [
                "ticket.test.yaml: you may not edit the tests of ticket; support-data or"
                " sales-data or an administrator may"
            ],
        ),
        # Not even a comment in it.
        (BOT, {"ticket.yaml": TICKET + "# a note\n"}, ["ticket.yaml: you may not edit the policy"]),
        # To approve is not to edit.
        (
            LEAD,
            {"ticket.yaml": TICKET + "# a note\n"},
            ["ticket.yaml: you may not edit the policy"],
        ),
        # A document that was about one entity and shall be about another is about both.
        (
            OWNER,
            {"ticket.yaml": "entity: customer\nrules: []\n"},
            ["ticket.yaml: you may not edit the policy of customer"],
        ),
        (
            OWNER,
            {"customer.yaml": "entity: ticket\nrules: []\n"},
            ["customer.yaml: you may not edit the policy of customer"],
        ),
        # So is one with two keys, twice the same key, or a key in another place.
        (
            OWNER,
            {"ticket.yaml": "entity: ticket\nentity: customer\nrules: []\n"},
            ["ticket.yaml: you may not edit the policy of customer"],
        ),
        (
            OWNER,
            {"ticket.yaml": "rules: []\nguard_rail: ticket\nentity: ticket\n"},
            ["ticket.yaml: guard rails are for administrators"],
        ),
        (
            OWNER,
            {"ticket.yaml": "entity: ticket\nguard_rail: [ticket]\nrules: []\n"},
            ["ticket.yaml: it cannot be told what this is about"],
        ),
        # What belongs to administrators, even of the owner's own entity.
        (
            OWNER,
            {"limits.yaml": None},
            ["limits.yaml: guard rails are for administrators to edit"],
        ),
        (
            OWNER,
            {"owners.yaml": OWNERS.replace("[ticket]", "[ticket, customer]")},
            ["owners.yaml: who owns which policies is for administrators to say"],
        ),
        (OWNER, {"mine.yaml": "administrators: []\n"}, ["mine.yaml: who owns which policies"]),
        # What nobody can tell.
        (OWNER, {"new.yaml": "ticket: [\n"}, ["new.yaml: it cannot be told what this is about"]),
        (OWNER, {"new.yaml": ""}, ["new.yaml: it cannot be told what this is about"]),
        (OWNER, {"new.yaml": "entity: [ticket]\n"}, ["new.yaml: it cannot be told what this is"]),
        (OWNER, {"new.yaml": "<<: {entity: ticket}\n"}, ["new.yaml: it cannot be told what"]),
        (OWNER, {"new.yaml": "? [entity]\n: ticket\n"}, ["new.yaml: it cannot be told what"]),
        # Everything is the administrators'.
        (SECURITY, dict.fromkeys(DOCUMENTS), []),
        # Each document that may not be changed is told.
        (
            _person(),
            dict.fromkeys(DOCUMENTS),
            ["customer.yaml: ", "limits.yaml: ", "owners.yaml: ", "ticket.test", "ticket.yaml"],
        ),
    ],
)
def test_what_a_change_may_touch(
    owners: Owners, who: Principal, change: dict[str, str | None], problems: list[str]
) -> None:
    found = _problems(owners, who, change)
    assert len(found) == len(problems), found
    assert all(text.startswith(said) for text, said in zip(found, problems, strict=True)), found


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        # Rules that read `department` or `name` may be written, changed and taken away.
        ("ticket.requester_email == user.name", 'user.department == "sales"', []),
        ("  - {id: mine, effect: allow, when: ticket.requester_email == user.name}\n", "", []),
        ('user.department != "support"', "true", []),
        # What they are for is no attribute.
        ('ticket.status == "open"', 'purpose == "billing"', []),
        # Others may not be written, not even beside one that may, nor as a mask.
        ('ticket.status == "open"', "'\"x\" in user.teams'", ["open reads user.teams"]),
        ('ticket.status == "open"', 'user.name == "a" and agent.vendor == "b"', ["agent.vendor"]),
        ('user.department != "support"', '"x" in user.regions', ["title reads user.regions"]),
        # Nor may rules that read others be changed, weakened or taken away …
        ('"x" in user.regions', "false", ["region reads user.regions"]),
        ("  - {id: region, effect: deny, when: '\"x\" in user.regions'}\n", "", ["region reads"]),
        ("effect: deny", "effect: allow", ["region reads user.regions"]),
        ("id: region", "id: other", ["other reads user.regions", "region reads user.regions"]),
        # … but they may stay while others change.
        ("status", "title", []),
    ],
)
def test_a_limit_of_attributes(owners: Owners, old: str, new: str, rules: list[str]) -> None:
    assert old in TICKET
    change: dict[str, str | None] = {"ticket.yaml": TICKET.replace(old, new)}
    found = _problems(owners, SELLER, change)
    assert len(found) == len(rules), found
    for text, said in zip(found, rules, strict=True):
        assert text.startswith("ticket: the rule ")
        assert said in text
        assert text.endswith("and you may use department, name; leave that rule as it is")
    assert _problems(owners, SECURITY, change) == []


def test_a_rule_that_only_moves_to_another_document_is_no_change(owners: Owners) -> None:
    assert _problems(owners, SELLER, {"ticket.yaml": None, "moved.yaml": TICKET}) == []


def test_of_two_grants_the_one_without_a_limit_counts() -> None:
    limited = "  - {id: other, when: user.department != 'it', entities: [ticket], attributes: []}\n"
    text = OWNERS.replace("administrators:", limited + "administrators:")
    owners = read_owners({"owners.yaml": text}, SPECS, CALLERS)
    change: dict[str, str | None] = {"ticket.yaml": TICKET.replace("regions", "teams")}
    assert _problems(owners, OWNER, change) == []
    (problem,) = _problems(owners, SELLER, change)  # two limited ones: department, name and nothing
    assert "user.regions, user.teams, and you may use department, name" in problem


def test_a_limit_cannot_be_judged_of_what_cannot_be_read(owners: Owners) -> None:
    broken = {**DOCUMENTS, "ticket.yaml": TICKET.replace("status", "gone")}
    (problem,) = owners.problems_of_change(SELLER, broken, DOCUMENTS, SPECS, CALLERS)
    assert problem.startswith("ticket: its policy cannot be read as it stands")
    assert problem.endswith("support-data or an administrator may edit it")
    assert owners.problems_of_change(OWNER, broken, DOCUMENTS, SPECS, CALLERS) == []
    with pytest.raises(PolicyError, match="no field `gone`"):
        owners.problems_of_change(SELLER, DOCUMENTS, broken, SPECS, CALLERS)


def _problems(owners: Owners, who: Principal, change: dict[str, str | None]) -> list[str]:
    new = {**DOCUMENTS, **change}
    kept = {name: text for name, text in new.items() if text is not None}
    return owners.problems_of_change(who, DOCUMENTS, kept, SPECS, CALLERS)


def _owner(**keys: str) -> str:
    lines = {"id": "a", "when": "user.name == 'maya'", "entities": "[ticket]", **keys}
    body = "\n    ".join(f"{key}: {value}" for key, value in lines.items())
    return f"administrators: [{{id: root, when: user.name == 'omar'}}]\nowners:\n  - {body}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("owners: []", "line 1: `administrators` is missing"),
        ("administrators: []", "line 1: `owners` is missing"),
        ("owners: []\nadministrators: []", "line 2: without an administrator nobody could"),
        ("owners: []\nadministrators: none", "line 2: expected a list"),
        ("owners: []\nadministrator: []", "did you mean `administrators`?"),
        (_owner(id="root"), "line 1: the id `root` stands here twice"),
        (_owner(id="two words"), "line 3: an id has letters"),
        (_owner(entities="ticket"), "line 5: expected a list"),
        (_owner(entities="[]"), "line 5: name at least one entity"),
        (_owner(entities="[tikcet]"), "line 5: there is no entity `tikcet`; did you mean `ticket`"),
        (_owner(entities="['*']"), "line 5: there is no entity `*`"),
        (_owner(may="[edit, delete]"), "line 6: there is no action `delete`; known are edit"),
        (_owner(may="[]"), "line 6: name at least one action"),
        (_owner(may="[administer]"), "line 6: there is no action `administer`"),
        (_owner(attributes="[departmnt]"), "line 6: there is no attribute `departmnt`; did you"),
        (_owner(attribute="[department]"), "line 6: `attribute` is unknown; did you mean"),
        # Conditions: no rows, no time, no everybody.
        (_owner(when="ticket.status == 'open'"), "line 4: column 1: `ticket` cannot be used here"),
        (_owner(when="user.name == row.title"), "column 14: `row` cannot be used here"),
        (_owner(when="any(ticket.comments, true) or user.name == 'a'"), "column 5: `ticket`"),
        (_owner(when="usr.name == 'maya'"), "column 1: `usr` is unknown; did you mean `user`?"),
        (_owner(when="user.departmnt == 'it'"), "no attribute `departmnt`"),
        (_owner(when="user.department == 'it' or now > now"), "column 28: `now` cannot be used"),
        (_owner(when="user.joined < daysAgo(3)"), "column 15: `daysAgo` cannot be used here"),
        (_owner(when="'true'"), "line 4: column 1: this holds for everyone alike"),
        (_owner(when="eval(user.name)"), "column 1: "),
        (_owner(when="'true) or (true'"), "column 5: a parenthesis or bracket is opened or closed"),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_owners({"owners.yaml": text}, SPECS, CALLERS)

    assert all(found.startswith("owners.yaml, line ") for found in caught.value.problems)
    assert any(problem in found for found in caught.value.problems), caught.value.problems


def test_two_documents_of_owners_are_one_too_many() -> None:
    with pytest.raises(PolicyError, match=r"b\.yaml: another document already says"):
        read_owners({"a.yaml": OWNERS, "b.yaml": OWNERS}, SPECS, CALLERS)

"""Who may do what with policies: each step is for those whom the owners in force name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest

from access_policies.versions import store as versions
from access_policies.versions.history import NOTHING
from access_policies.versions.shadow_runs import Difference, record
from api.policy_desk import Editor, PolicyDesk
from api.services import Services
from index.errors import InvalidRequest, NotPermitted
from tests.api.office import (
    Change,
    Office,
    adding,
    both,
    founded,
    narrower,
    narrower_still,
    replacing,
    wider,
    with_rule,
    without,
)

GUARD = "guard_rail: ticket\nrules:\n  - {id: spam, effect: deny, when: ticket.type == null}\n"


def reading(condition: str) -> Mapping[str, str]:
    """A rule with this condition."""
    return {"id": "one-more", "effect": "allow", "when": condition}


billing = with_rule("invoice", reading('user.department == "billing"'))
guarded = adding("guard.yaml", GUARD)
regions_alone = with_rule("contact", reading("contact.customer.region in user.regions"))
own_contacts = with_rule("contact", reading('user.name == "omar" and contact.email == user.name'))


@pytest.mark.parametrize(
    ("author", "change", "said"),
    [
        # Owners of other entities, and people without the right to edit.
        ("omar", narrower, "policy of ticket; support-data or writers or an administrator may"),
        ("ada", narrower, "may not edit the policy of ticket"),
        ("pam", narrower, "may not edit the policy of ticket"),
        # One's own entity together with another; another's under another name, or gone.
        ("maya", both(narrower, billing), "may not edit the policy of invoice"),
        ("maya", without("invoice.yaml"), "may not edit the policy of invoice"),
        ("maya", without("invoice.test.yaml"), "may not edit the tests of invoice"),
        ("omar", replacing("ticket.test.yaml", "AMER", "APAC"), "edit the tests of ticket"),
        # What is for administrators, also about one's own entity.
        ("maya", guarded, "guard rails are for administrators"),
        ("maya", replacing("owners.yaml", "[ticket, comment]", "[ticket]"), "who owns which"),
        ("maya", without("owners.yaml"), "who owns which policies is for administrators"),
        # Attributes that are not for one's rules.
        ("omar", own_contacts, "reads user.name, and you may use department, regions, teams"),
    ],
)  # fmt: skip
def test_a_change_that_is_not_ones_own(
    office: Office, author: str, change: Change, said: str
) -> None:
    with office.refused(NotPermitted, "not yours to make", said):
        office.draft(author, change)


def test_who_has_no_right_learns_nothing_by_drafting(office: Office) -> None:
    number, documents = office.desk.documents(office.operator)
    nick = office.editor("nick")
    for given, onto in ((narrower(documents), number), (documents, number), (documents, 7)):
        with office.refused(NotPermitted, "for their owners and for administrators"):
            office.desk.draft(nick, given, "to see what it says", onto=onto)


@pytest.mark.parametrize(
    ("author", "change"),
    [
        ("wil", narrower),
        ("maya", both(narrower, wider)),
        ("maya", replacing("ticket.test.yaml", "AMER", "APAC")),
        ("maya's agent", narrower),
        ("omar", regions_alone),
        ("sam", both(guarded, billing, own_contacts)),
        ("sam", replacing("owners.yaml", "[ticket, comment]", "[ticket]")),
        ("operator", both(guarded, billing)),
    ],
)
def test_a_change_that_is(office: Office, author: str, change: Change) -> None:
    number = office.draft(author, change)
    version = office.desk.version(office.operator, number)
    assert version.author == office.editor(author).name
    assert version.documents == change(office.desk.documents(office.operator)[1])


def test_a_rule_beyond_ones_attributes_can_be_neither_changed_nor_removed(office: Office) -> None:
    number = office.ready("sam", own_contacts)
    office.approve(number, "tina")
    office.publish(number)
    in_force = office.desk.documents(office.operator)[1]["contact.yaml"]
    for change in (
        replacing("contact.yaml", "contact.email == user.name", "contact.email != user.name"),
        adding("contact.yaml", in_force.replace(in_force.splitlines()[2] + "\n", "")),
    ):
        with office.refused(NotPermitted, "one-more reads user.name", "leave that rule as it is"):
            office.draft("omar", change)
    office.draft("omar", with_rule("contact", {**reading("true"), "id": "another"}))


STEPS: dict[str, Callable[[PolicyDesk, Editor, int], object]] = {
    "documents": lambda desk, editor, _: desk.documents(editor),
    "list": lambda desk, editor, _: desk.listed(editor),
    "version": lambda desk, editor, number: desk.version(editor, number),
    "history": lambda desk, editor, _: desk.history(editor),
    "check": lambda desk, editor, _: desk.check(editor, {}),
    "test": lambda desk, editor, number: desk.test(editor, number),
    "trial": lambda desk, editor, _: desk.shadow(editor),
    "preview": lambda desk, editor, number: desk.preview(editor, number),
    "differences": lambda desk, editor, number: desk.shadow_differences(editor, number),
    "approve": lambda desk, editor, number: desk.approve(editor, number, "go"),
    "publish": lambda desk, editor, number: desk.publish(editor, number, "go"),
    "roll back": lambda desk, editor, _: desk.rollback(editor, "back"),
    "start": lambda desk, editor, number: desk.start_shadow(editor, number, "try", 1),
    "stop": lambda desk, editor, _: desk.stop_shadow(editor, "enough"),
}
LOOKING = ("documents", "list", "version", "history", "check", "test", "trial")
EXPLAINING = ("preview", "differences")
PUBLISHING = ("publish", "roll back", "start", "stop")

# What each may not do when a change of tickets is in force, another is ready, and that is on trial.
NOT: dict[str, tuple[str, ...]] = {
    "nick": tuple(STEPS),
    "omar": (*EXPLAINING, "approve", *PUBLISHING),
    "wil": ("approve", *PUBLISHING),
    "ada": PUBLISHING,
    "pam": ("approve",),
    "operator": ("approve",),
    "maya's agent": ("approve", *PUBLISHING),
    "sam's agent": ("approve", *PUBLISHING),
}


@pytest.fixture(scope="module")
def busy(office_services: Services) -> tuple[Office, int]:
    """An office with two versions that were in force, and one that is ready and on trial."""
    office = founded(office_services)
    office.begun()
    office.published(narrower)
    number = office.ready("lena", narrower_still)
    office.desk.start_shadow(office.editor("lena"), number, "to see", 24)
    return office, number


@pytest.mark.parametrize(
    ("name", "step"), [(name, step) for name, steps in NOT.items() for step in steps]
)
def test_a_step_that_is_for_others(busy: tuple[Office, int], name: str, step: str) -> None:
    office, number = busy
    trial = office.desk.shadow(office.operator)
    with office.refused(NotPermitted):
        STEPS[step](office.desk, office.editor(name), number)
    assert office.desk.shadow(office.operator) == trial


# Not what changes what the others would find.
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("omar", LOOKING),
        ("wil", (*LOOKING, *EXPLAINING)),
        ("ada", ("preview", "approve")),
        ("pam", ("preview", "start")),
        ("maya's agent", (*LOOKING, *EXPLAINING)),
        ("operator", (*LOOKING, *EXPLAINING, "start")),
    ],
)
def test_steps_that_are_for_oneself(
    busy: tuple[Office, int], name: str, steps: tuple[str, ...]
) -> None:
    office, number = busy
    for step in steps:
        STEPS[step](office.desk, office.editor(name), number)


def test_each_step_by_somebody_who_may_do_nothing_else(office: Office) -> None:
    office.begun()
    number = office.ready("wil", wider)
    office.approve(number, "ada")
    office.publish(number, "pam")
    assert office.in_force() == number
    assert office.desk.rollback(office.editor("pam"), "not yet") == number - 1
    office.desk.start_shadow(office.editor("pam"), number, "to see", 1)
    assert office.desk.stop_shadow(office.editor("pam"), "seen") == number


@pytest.mark.parametrize("change", [guarded, without("owners.yaml")])
def test_what_touches_guard_rails_or_owners_is_for_administrators(
    office: Office, change: Change
) -> None:
    number = office.ready("operator", change)
    for step in (*EXPLAINING, "approve", "publish", "start"):
        with office.refused(NotPermitted, "for administrators"):
            STEPS[step](office.desk, office.editor("maya"), number)


def test_the_owners_that_count_are_those_in_force(office: Office) -> None:
    """Not those of the change: nobody becomes an owner by saying so."""
    office.begun()
    number = office.ready("sam", replacing("owners.yaml", "[ticket, comment]", "[comment]"))
    with office.refused(NotPermitted, "for administrators"):
        office.desk.approve(office.bearer("maya", None, "policy"), number, "give it away")
    office.approve(number, "tina")
    office.draft("maya", narrower)
    office.publish(number, "sam")
    with office.refused(NotPermitted, "may not edit the policy of ticket"):
        office.draft("maya", narrower)


def test_what_somebody_found_is_for_them_and_for_administrators(office: Office) -> None:
    number = office.ready("lena", narrower)
    found = {
        name: {event.actor: event.evidence for event in office.desk.history(office.editor(name))}
        for name in ("lena", "maya", "omar", "sam", "operator")
    }
    assert found["sam"] == found["operator"] == found["lena"]
    assert found["lena"]["lena"] != NOTHING
    assert found["maya"] == found["omar"] == {"lena": NOTHING}
    assert {event.version for event in office.desk.history(office.editor("omar"))} == {number}


def test_where_nothing_differs_and_nothing_goes_on_it_still_takes_a_right(office: Office) -> None:
    office.begun()
    for step in (*EXPLAINING, "approve", "start", "stop"):
        with office.refused(NotPermitted):
            STEPS[step](office.desk, office.editor("nick"), 1)


def test_what_is_wrong_in_a_version_is_told_to_nobody_else(office: Office) -> None:
    office.begun()
    documents = {"ticket.yaml": "entity: ticket\nrules: [{id: secret}]"}
    with office.services.database.writing() as connection:
        versions.draft(connection, office.tenant, documents, author="sam", reason="x", parent=1)
    for step in ("test", *EXPLAINING, "approve", "publish", "start"):
        with office.refused(NotPermitted):
            STEPS[step](office.desk, office.editor("nick"), 2)


def test_what_a_trial_found_stays_with_those_whom_it_concerns(office: Office) -> None:
    """Also when the version has come into force, and so differs from nothing any more."""
    office.begun()
    number = office.published(narrower)
    difference = Difference(entity="ticket", row_id=uuid4(), change="lost", user="maya")
    with office.services.database.writing() as connection:
        record(connection, office.tenant, number, [difference])
    (seen,) = office.desk.shadow_differences(office.editor("maya"), number)
    assert seen.difference == difference
    with office.refused(NotPermitted, "explain the policy of ticket"):
        office.desk.shadow_differences(office.editor("omar"), number)


def test_somebody_who_is_nobody(office: Office) -> None:
    with pytest.raises(InvalidRequest, match="no user 'zoe' here"):
        office.editor("zoe")


@pytest.mark.parametrize(
    ("bearer", "said"),
    [
        (lambda office: office.bearer("sam", None, unlimited=True), "not for work on policies"),
        (lambda office: office.bearer("sam", None, "read"), "not for work on policies"),
        (lambda office: office.bearer("sam", None, "read:ticket"), "not for work on policies"),
        (lambda office: office.bearer(None, "helper", "policy"), "names no user"),
    ],
)
def test_a_token_that_is_not_for_policies(
    office: Office, bearer: Callable[[Office], Editor], said: str
) -> None:
    with pytest.raises(NotPermitted, match=said):
        bearer(office)


def test_a_token_with_the_scope_works_like_its_user(office: Office) -> None:
    editor = office.bearer("maya", None, "read", "policy")
    office.desk.documents(editor)
    assert (editor.name, editor.via) == ("maya", "a token")
    with pytest.raises(NotPermitted):
        office.desk.documents(office.bearer("nick", None, "policy"))

"""The way of a change of policies: each gate holds, one change wins, and the history has it all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from access_policies import PolicyError
from access_policies.versions import store as versions
from access_policies.versions.history import note
from access_policies.versions.store import State
from api.policy_desk import Editor, PolicyDesk
from api.services import Services
from index.errors import (
    ConfigurationError,
    InvalidRequest,
    NotPermitted,
    RemitError,
    Unavailable,
)
from semantic_layer import Context
from tests.api.office import (
    POLICIES,
    Change,
    Office,
    adding,
    both,
    founded,
    narrower,
    narrower_still,
    opened,
    replacing,
    wider,
    with_rule,
    without,
    wrong,
)
from tests.conftest import fresh_database

CANARY = "zanzibar-47"
ALL = {"id": "everybody", "effect": "allow", "when": 'user.department == "success"'}
HASH = "masks:\n  - {id: alike, fields: [email], mask: hash, when: true}\n"

hashed = adding("contact.yaml", POLICIES["contact.yaml"] + HASH)


@pytest.fixture
def begun(office: Office) -> Office:
    """A tenant whose version 1 is in force."""
    office.begun()
    return office


@pytest.fixture
def furnished(cluster: str, synced: str, tmp_path: Path) -> Iterator[Office]:
    """A tenant with the rows of the sample company, whose tickets all have the canary."""
    with fresh_database(cluster, synced) as url, opened(url, tmp_path) as services:
        with services.database.writing() as connection:
            canary = "UPDATE entity.ticket SET subject = :canary || subject, description = :canary"
            connection.execute(text(canary), {"canary": CANARY})
        yield founded(services, "main")


# The way of a change


def test_the_way_of_a_change(begun: Office) -> None:
    desk = begun.desk

    def state() -> State:
        return desk.version(begun.operator, number).state

    number = begun.draft("maya", wider)
    assert (number, state()) == (2, State.DRAFT)
    assert desk.test(begun.editor("maya"), number).passed
    assert state() == State.TESTED
    change = desk.preview(begun.editor("maya"), number)
    assert state() == State.PREVIEWED
    assert change.words == (
        'ticket: rule success is new: it allows when user.department == "success"',
    )
    assert len(change.widens) == 1
    begun.approve(number, "lena")
    assert (state(), begun.in_force()) == (State.APPROVED, 1)
    begun.publish(number, "maya")
    assert (state(), begun.in_force()) == (State.IN_FORCE, 2)
    assert desk.rollback(begun.editor("lena"), "it was wrong") == 1
    assert (state(), begun.in_force()) == (State.SUPERSEDED, 1)
    # What has been agreed to against this version still is.
    begun.publish(number, "lena")
    assert begun.in_force() == 2


def test_what_is_proven_to_narrow_needs_nobody_else(begun: Office) -> None:
    number = begun.ready("maya", narrower)
    begun.publish(number, "maya")
    assert begun.in_force() == number


def test_an_operator_begins_alone_and_nobody_else_does(office: Office) -> None:
    number = office.ready("sam", wider)
    with office.refused(NotPermitted, "second person"):
        office.publish(number, "sam")
    office.publish(number, "operator")
    number = office.ready("operator", both(narrower, with_rule("comment", ALL)))
    with office.refused(NotPermitted, f"Version {number} needs the approval of a second person"):
        office.publish(number, "operator")


# Drafts


# A change, and what is said about it.
UNREADABLE: dict[str, tuple[Change, list[str]]] = {
    "several mistakes, all told": (
        both(
            with_rule("ticket", {"id": "a", "effect": "allow", "when": "ticket.statsu == null"}),
            with_rule("comment", {"id": "b", "effect": "alow", "when": "true"}),
        ),
        ["ticket.yaml, line 3", "statsu", "comment.yaml, line 3", "`alow`"],
    ),
    "tests": (replacing("ticket.test.yaml", "see: near", "see: nearby"), ["nearby"]),
    "owners": (replacing("owners.yaml", "[ticket, comment]", "[tickets]"), ["tickets"]),
    "no YAML": (adding("x.yaml", "entity: ["), ["x.yaml, line 1", "not YAML"]),
}


@pytest.mark.parametrize(("change", "said"), UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("author", ["sam", "operator"])
def test_documents_that_cannot_be_read(
    office: Office, author: str, change: Change, said: list[str]
) -> None:
    with office.refused(PolicyError, *said):
        office.draft(author, change)


def test_hashes_need_a_key(office: Office) -> None:
    with office.refused(ConfigurationError, "REMIT_HASH_KEY"):
        office.draft("sam", hashed)


@pytest.mark.parametrize(
    ("change", "onto", "reason", "said"),
    [
        (lambda documents: documents, 1, "why", "Nothing differs"),
        (narrower, None, "why", "made from what a tenant starts with, and version 1 is in force"),
        (narrower, 2, "why", "made from version 2, and version 1 is in force"),
        (narrower, 1, "", "reason is empty"),
        (narrower, 1, " \n", "reason is empty"),
        (adding("../x.yaml", "entity: user\nrules: []"), 1, "why", "cannot name a document"),
    ],
)
def test_drafts_that_are_none(
    begun: Office, change: Change, onto: int | None, reason: str, said: str
) -> None:
    documents = change(begun.desk.documents(begun.operator)[1])
    with begun.refused(InvalidRequest, said):
        begun.desk.draft(begun.operator, documents, reason, onto=onto)


# Gates on the way


def test_tests_that_fail_are_told_and_not_noted(begun: Office) -> None:
    number = begun.draft("maya", wrong)
    before = begun.events()
    assert not begun.desk.test(begun.editor("maya"), number).passed
    assert begun.events() == before
    assert not begun.desk.preview(begun.editor("maya"), number).report.passed
    with begun.refused(InvalidRequest, "Some tests fail", "ticket.test.yaml", "1 failed"):
        begun.publish(number, "maya")


def test_a_policy_that_changes_needs_tests(begun: Office) -> None:
    number = begun.ready("maya", both(narrower, without("ticket.test.yaml")))
    with begun.refused(InvalidRequest, "policy of ticket changes and has no tests"):
        begun.publish(number, "maya")


def test_another_policy_that_has_no_tests_is_left_alone(begun: Office) -> None:
    number = begun.ready("maya", without("ticket.test.yaml"))
    begun.publish(number, "maya")
    number = begun.ready("maya", with_rule("comment", {**ALL, "effect": "deny"}))
    begun.publish(number, "maya")
    assert begun.in_force() == number


def test_what_was_not_previewed_is_neither_approved_nor_published(begun: Office) -> None:
    number = begun.draft("maya", narrower)
    begun.desk.test(begun.editor("maya"), number)
    way_out = f"remit policy preview {number}"
    with begun.refused(InvalidRequest, "not been previewed", way_out):
        begun.approve(number, "lena")
    with begun.refused(InvalidRequest, "not been previewed", way_out):
        begun.publish(number, "maya")


def test_a_preview_against_something_else_does_not_count(begun: Office) -> None:
    number, other = begun.draft("maya", narrower), begun.ready("maya", narrower_still)
    begun.publish(other, "maya")
    begun.desk.preview(begun.editor("maya"), number)
    begun.desk.rollback(begun.editor("maya"), "back to 1")
    with begun.refused(InvalidRequest, "not been previewed against what is in force"):
        begun.approve(number, "lena")
    with begun.refused(InvalidRequest, "not been previewed against what is in force"):
        begun.publish(number, "maya")


def test_what_others_published_meanwhile_is_not_undone(begun: Office) -> None:
    number, other = begun.ready("maya", narrower), begun.ready("lena", narrower_still)
    begun.publish(other, "lena")
    begun.desk.preview(begun.editor("maya"), number)
    begun.approve(number, "lena")
    with begun.refused(InvalidRequest, "was made from version 1, and version 3 is in force"):
        begun.publish(number, "maya")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda documents: {"owners.yaml": documents["owners.yaml"]}, "no policy at all"),
        (without(*POLICIES), "no policy at all"),
        (without("owners.yaml"), "says nothing of owners and administrators"),
    ],
)
def test_a_version_that_nobody_could_work_with(begun: Office, change: Change, said: str) -> None:
    number = begun.ready("sam", change)
    begun.approve(number, "tina")
    with begun.refused(InvalidRequest, said):
        begun.publish(number, "sam")


def test_more_access_needs_a_second_person(begun: Office) -> None:
    number = begun.ready("maya", wider)
    with begun.refused(NotPermitted, "second person", "ticket"):
        begun.publish(number, "maya")
    with begun.refused(NotPermitted, "second person"):
        begun.publish(number, "lena")


def test_an_approval_of_another_version_does_not_count(begun: Office) -> None:
    number, other = begun.ready("maya", wider), begun.ready("maya", both(wider, narrower))
    begun.approve(other, "lena")
    with begun.refused(NotPermitted, "second person"):
        begun.publish(number, "maya")


def test_an_approval_against_something_else_does_not_count(begun: Office) -> None:
    number, other = begun.draft("maya", wider), begun.ready("maya", narrower)
    begun.publish(other, "maya")
    begun.desk.preview(begun.editor("maya"), number)
    begun.approve(number, "lena")
    begun.desk.rollback(begun.editor("maya"), "back to 1")
    begun.desk.preview(begun.editor("maya"), number)
    with begun.refused(NotPermitted, "second person"):
        begun.publish(number, "maya")


def test_nobody_is_their_own_second_person(begun: Office) -> None:
    number = begun.ready("maya", wider)
    with begun.refused(NotPermitted, "author of a version cannot approve it"):
        begun.approve(number, "maya")
    # Nor if an approval of theirs had come into the history in another way.
    against = begun.desk.preview(begun.editor("maya"), number).against
    with begun.services.database.writing() as connection:
        evidence = {"against": against}
        note(connection, begun.tenant, number, "approved", actor="maya", evidence=evidence)
    with begun.refused(NotPermitted, "second person"):
        begun.publish(number, "maya")


def test_an_approval_is_a_persons_word_with_a_reason(begun: Office) -> None:
    number = begun.ready("maya", wider)
    with begun.refused(NotPermitted, "--as"):
        begun.desk.approve(begun.operator, number, "go")
    with begun.refused(InvalidRequest, "reason is empty"):
        begun.desk.approve(begun.editor("lena"), number, " ")


def test_other_owners_or_administrators_need_a_second_administrator(begun: Office) -> None:
    number = begun.ready("sam", replacing("owners.yaml", "[ticket, comment]", "[ticket]"))
    with begun.refused(NotPermitted, "who owns which policies changes"):
        begun.publish(number, "sam")
    begun.approve(number, "tina")
    begun.publish(number, "sam")
    assert begun.in_force() == number


# What is not there


NUMBERED: dict[str, Callable[[PolicyDesk, Editor], object]] = {
    "documents": lambda desk, editor: desk.documents(editor, 2),
    "version": lambda desk, editor: desk.version(editor, 2),
    "test": lambda desk, editor: desk.test(editor, 2),
    "preview": lambda desk, editor: desk.preview(editor, 2),
    "approve": lambda desk, editor: desk.approve(editor, 2, "go"),
    "publish": lambda desk, editor: desk.publish(editor, 2, "go"),
    "start": lambda desk, editor: desk.start_shadow(editor, 2, "try", 1),
    "differences": lambda desk, editor: desk.shadow_differences(editor, 2),
}


def test_a_version_that_is_not_there(begun: Office) -> None:
    other = founded(begun.services)
    other.begun()
    other.draft("maya", narrower)  # number 2, of another tenant
    for step in NUMBERED.values():
        with begun.refused(InvalidRequest, "no version 2"):
            step(begun.desk, begun.editor("sam"))


def test_tenants_see_and_change_nothing_of_each_other(office_services: Services) -> None:
    here, there = founded(office_services), founded(office_services)
    here.begun()
    number = here.published(wider)
    here.desk.start_shadow(here.editor("maya"), 1, "to see", 1)
    sam = there.editor("sam")
    assert there.desk.documents(sam) == (None, office_services.examiner.starting)
    assert there.desk.listed(sam) == ()
    assert there.desk.history(sam) == there.desk.history(sam, 50, number) == ()
    assert there.desk.shadow(sam) is None
    assert there.desk.stop_shadow(sam, "enough") is None
    assert here.desk.shadow(here.operator) is not None
    there.begun()
    assert (here.in_force(), there.in_force()) == (number, 1)
    assert len(there.desk.history(sam)) == 2


# At the same moment


def test_of_two_who_publish_at_the_same_moment_one_wins(begun: Office) -> None:
    numbers = [begun.ready("maya", narrower), begun.ready("lena", narrower_still)]
    barrier = Barrier(len(numbers))

    def publish(number: int) -> str:
        barrier.wait()
        try:
            begun.publish(number, "maya")
        except InvalidRequest as error:
            return str(error)
        return "published"

    with ThreadPoolExecutor(len(numbers)) as threads:
        said = list(threads.map(publish, numbers))
    assert said.count("published") == 1
    assert "in force" in min(said, key=lambda each: each == "published")
    winner = numbers[said.index("published")]
    assert begun.in_force() == winner
    kinds = [(event.kind, event.version) for event in begun.events()]
    assert [number for kind, number in kinds if kind == "published"] == [winner, 1]


def test_a_request_that_began_before_is_answered_as_it_began(furnished: Office) -> None:
    services = furnished.services

    async def visible(context: Context) -> int:
        asked = await services.resolver.ask(context, "tickets")
        assert asked.data is not None
        found: int = asked.data["tickets"]["totalCount"]
        return found

    async def journey() -> list[int]:
        before = await services.context("main", "maya")
        counts = [await visible(before)]
        furnished.begun()
        furnished.publish(furnished.ready("maya", narrower), "maya")
        after = await services.context("main", "maya")
        return [*counts, await visible(before), await visible(after)]

    began, still, then = asyncio.run(journey())
    assert began == still > then > 0


def test_one_preview_is_counted_at_a_time(furnished: Office) -> None:
    furnished.begun()
    number = furnished.draft("maya", narrower)
    told: list[tuple[int, int]] = []

    def progress(done: int, of: int) -> None:
        told.append((done, of))
        with pytest.raises(Unavailable, match="Another preview"):
            furnished.desk.preview(furnished.editor("lena"), number)

    furnished.desk.preview(furnished.editor("maya"), number, progress)
    assert told[-1][0] == told[-1][1] > 0
    furnished.desk.preview(furnished.editor("lena"), number)


# Back


def test_going_back_twice_goes_back_by_two(begun: Office) -> None:
    """And never forward again to what was withdrawn, which takes the agreement that it took."""
    second = begun.published(wider)
    third = begun.published(narrower)
    assert begun.desk.rollback(begun.editor("maya"), "too little") == second
    assert begun.desk.rollback(begun.editor("lena"), "too much") == 1
    with begun.refused(InvalidRequest, "none to go back to"):
        begun.desk.rollback(begun.editor("lena"), "further")
    with begun.refused(InvalidRequest, "was made from version 2"):
        begun.publish(third, "maya")


def test_going_back_needs_somewhere_and_a_reason(office: Office) -> None:
    with office.refused(InvalidRequest, "none to go back to"):
        office.desk.rollback(office.operator, "why not")
    office.begun()
    with office.refused(InvalidRequest, "none to go back to"):
        office.desk.rollback(office.operator, "why not")
    office.published(narrower)
    with office.refused(InvalidRequest, "reason is empty"):
        office.desk.rollback(office.operator, "")


# Trials


def test_a_trial_begins_and_ends(begun: Office) -> None:
    desk, maya = begun.desk, begun.editor("maya")
    number = begun.ready("maya", wider)
    assert desk.shadow(maya) is None
    run = desk.start_shadow(maya, number, "to see", 24)
    assert desk.shadow(maya) == run
    assert (run.version, run.started_by) == (number, "maya")
    for hours in (0, -1, 24 * 14 + 1, float("nan"), float("inf")):
        with begun.refused(InvalidRequest, "336 hours"):
            desk.start_shadow(maya, number, "to see", hours)
    for step in (desk.stop_shadow, lambda who, why: desk.start_shadow(who, number, why, 1)):
        with begun.refused(InvalidRequest, "reason is empty"):
            step(maya, " ")
    assert desk.stop_shadow(maya, "seen") == number
    assert desk.shadow(maya) is None
    before = begun.events()
    assert desk.stop_shadow(maya, "again") is None
    assert begun.events() == before


# When what is in force cannot be used


def broken(office: Office) -> None:
    """Put something in force that cannot be read, as after a change of the model."""
    documents = {**POLICIES, "flurb.yaml": "entity: flurb\nrules: []"}
    with office.services.database.writing() as connection:
        number = versions.draft(
            connection, office.tenant, documents, author="maya", reason="earlier", parent=1
        ).number
        versions.put_in_force(
            connection, office.tenant, number, expected=1, actor="maya", reason="earlier"
        )


def test_an_operator_can_replace_what_cannot_be_read(begun: Office) -> None:
    broken(begun)
    for name in ("maya", "sam"):
        with begun.refused(Unavailable, "cannot be read", "operator"):
            begun.desk.documents(begun.editor(name))
        with begun.refused(Unavailable, "cannot be read"):
            begun.draft(name, lambda _: POLICIES)
        with begun.refused(Unavailable, "cannot be read"):
            begun.desk.rollback(begun.editor(name), "back")
    number = begun.ready("operator", lambda _: narrower(POLICIES))
    with begun.refused(Unavailable, "cannot be read"):
        begun.publish(number, "sam")
    begun.publish(number, "operator")
    assert begun.in_force() == number
    begun.desk.documents(begun.editor("maya"))


def test_an_operator_can_go_back_from_what_cannot_be_read(begun: Office) -> None:
    broken(begun)
    assert begun.desk.rollback(begun.operator, "the model has changed") == 1


def test_what_cannot_be_read_comes_into_force_by_no_way(begun: Office) -> None:
    broken(begun)
    begun.publish(begun.ready("operator", lambda _: narrower(POLICIES)))
    for step in (
        lambda: begun.desk.rollback(begun.operator, "back"),
        lambda: begun.publish(2),
        lambda: begun.desk.preview(begun.operator, 2),
        lambda: begun.desk.test(begun.operator, 2),
        lambda: begun.desk.start_shadow(begun.operator, 2, "try", 1),
    ):
        with begun.refused(RemitError):
            step()


def test_a_lost_key_is_no_dead_end(cluster: str, template: str, tmp_path: Path) -> None:
    tested = replacing("contact.test.yaml", "see: near", "see: near, mask: {email: hash}")
    with fresh_database(cluster, template) as url:
        with opened(url, tmp_path, hash_key="k" * 32) as services:
            office = founded(services)
            office.publish(office.ready("operator", both(hashed, tested)))
        with opened(url, tmp_path) as services:
            office = Office(services, office.tenant)
            with office.refused(Unavailable, "cannot be read"):
                office.desk.documents(office.editor("sam"))
            office.publish(office.ready("operator", lambda _: POLICIES))
            assert office.in_force() == 2


# The history


def test_the_history_has_who_did_what_why_by_what_way_and_what_was_found(begun: Office) -> None:
    desk = begun.desk
    number = begun.ready("maya's agent", wider)
    begun.approve(number, "lena")
    begun.publish(number, "maya")
    desk.rollback(begun.editor("sam"), "not so fast")
    desk.start_shadow(begun.editor("maya"), number, "to see", 1)
    desk.stop_shadow(begun.operator, "seen")

    events = begun.events()[-3::-1]  # without the beginning
    typed, token = "the command line of root", "a token"
    assert [(e.kind, e.actor, e.reason, e.evidence.get("via")) for e in events] == [
        ("drafted", "maya", "as agreed", token),
        ("tested", "maya", "", token),
        ("previewed", "maya", "", token),
        ("approved", "lena", "looks right", typed),
        ("published", "maya", "as agreed", typed),
        ("rolled_back", "sam", "not so fast", typed),
        ("shadowed", "maya", "to see", typed),
        ("shadow_ended", "root", "seen", typed),
    ]
    found = {event.kind: event.evidence for event in events}
    change = found["previewed"]
    assert found["tested"]["passed"] is True
    assert all(change[part] for part in ("changes", "widens", "preview"))
    assert found["approved"]["against"] == change["against"]
    assert found["published"] == {**change, "base": 1, "approved_by": ["lena"], "via": typed}
    assert found["rolled_back"]["base"] == number


def test_no_value_of_a_row_comes_into_the_history(furnished: Office) -> None:
    furnished.begun()
    desk = furnished.desk
    number = furnished.draft("maya", both(wider, narrower))
    shown = "\n".join(desk.preview(furnished.editor("maya"), number).lines())
    assert CANARY in shown  # to somebody who sees the ticket anyway
    unseen = "\n".join(desk.preview(furnished.editor("sam"), number).lines())
    assert "lost by" in unseen
    assert CANARY not in unseen
    furnished.approve(number, "lena")
    furnished.publish(number, "maya")
    desk.rollback(furnished.editor("maya"), "back")
    evidence = json.dumps([dict(event.evidence) for event in furnished.events()])
    assert "samples" in evidence
    assert CANARY not in evidence


def test_a_step_that_fails_is_undone_whole(begun: Office) -> None:
    number = begun.ready("maya", narrower)
    with begun.refused(InvalidRequest, "reason is empty"):
        begun.desk.publish(begun.editor("maya"), number, "")
    with begun.refused(RemitError):
        begun.desk.publish(begun.editor("maya"), number, "\0")

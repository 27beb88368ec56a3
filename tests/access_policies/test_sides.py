"""Whom a rule is for: users, agents that act for them, agents on their own, purposes; and the guard
rails that no owner's rule lifts."""

from __future__ import annotations

from typing import Any

import pytest

from access_policies import Mask, MaskKind, Principal, Snapshot, read_policies
from index.predicate import evaluate
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW

HIDE, PARTIAL = Mask(MaskKind.HIDE), Mask(MaskKind.PARTIAL)

POLICY = """
entity: ticket
rules:
  - {id: own-region, effect: allow, when: ticket.region == user.region}
  - {id: agents-see-calm, effect: allow, for: agent, when: ticket.urgent == false}
  - {id: not-that-vendor, effect: deny, for: agent, when: agent.vendor == "globex"}
  - {id: crawler, effect: allow, for: agent_alone, when: agent.name == "crawler"}
  - id: marketing-sees-little
    effect: deny
    for: purpose
    when: purpose == "marketing" and ticket.priority > 3
masks:
  - {id: addresses, fields: [requester_email], mask: hide, when: not user.lead}
  - {id: titles, fields: [title], mask: partial, when: 'true'}
  - {id: leads-read-titles, fields: [title], mask: clear, when: user.lead}
  - {id: agents-no-titles, fields: [title], mask: partial, for: agent, when: 'true'}
"""
GUARD_RAIL = """
guard_rail: ticket
rules:
  - {id: embargo, effect: deny, when: ticket.region == "embargo"}
masks:
  - {id: never-in-full, fields: [requester_email], mask: partial, when: ticket.urgent}
"""
SNAPSHOT = Snapshot(
    read_policies([("ticket.yaml", POLICY), ("guard.yaml", GUARD_RAIL)], SPECS, CALLERS)
)


def _caller(
    user: str | None = "ann",
    agent: str | None = None,
    vendor: str | None = None,
    purpose: str | None = None,
    scopes: frozenset[str] | None = None,
    **attributes: Any,
) -> Principal:
    return Principal.create(
        tenant="acme",
        user=user,
        agent=agent,
        purpose=purpose,
        user_attributes={"region": "emea", **attributes} if user else {},
        agent_attributes={"vendor": vendor},
        scopes=scopes,
        declared=CALLERS,
    )


def _ticket(**fields: Any) -> dict[str, Any]:
    row = {"region": "emea", "urgent": False, "priority": 1, "title": "Printer"}
    return {**row, "requester_email": "bob@acme.com", **fields}


@pytest.mark.parametrize(
    ("caller", "row", "visible"),
    [
        # A person alone: the rules for agents and purposes do not count.
        (_caller(), _ticket(urgent=True), True),
        (_caller(), _ticket(region="apac"), False),
        # An agent sees what its user sees, as far as its own rules let it.
        (_caller(agent="bot", vendor="acme"), _ticket(), True),
        (_caller(agent="bot", vendor="acme"), _ticket(urgent=True), False),
        (_caller(agent="bot", vendor="acme"), _ticket(region="apac"), False),
        # What is not known of the agent denies; what is not known of the row allows nothing.
        (_caller(agent="bot"), _ticket(), False),
        (_caller(agent="bot", vendor="acme"), _ticket(urgent=None), False),
        (_caller(agent="bot", vendor="globex"), _ticket(), False),
        # An agent on its own has what is granted to it as such, and nothing of a user's.
        (_caller(user=None, agent="crawler"), _ticket(region="apac", urgent=True), True),
        (_caller(user=None, agent="bot", vendor="acme"), _ticket(), False),
        # The same agent gains nothing by acting for a user, and the user nothing by the agent.
        (_caller(agent="crawler", vendor="acme"), _ticket(region="apac"), False),
        # A purpose with deny rules alone lets through what they do not deny.
        (_caller(purpose="support"), _ticket(priority=5), True),
        (_caller(purpose="marketing"), _ticket(priority=5), False),
        (_caller(purpose="marketing"), _ticket(priority=1), True),
        # No purpose: whether it is marketing is unknown, so what might be denied is.
        (_caller(), _ticket(priority=5), False),
        # A guard rail denies everyone, agents on their own too, and where it is unknown.
        (_caller(region="embargo"), _ticket(region="embargo"), False),
        (_caller(user=None, agent="crawler"), _ticket(region="embargo"), False),
        (_caller(user=None, agent="crawler"), _ticket(region=None), False),
        # A token is good for the entities in its scope.
        (_caller(scopes=frozenset({"read"})), _ticket(), True),
        (_caller(scopes=frozenset({"read:ticket", "policy"})), _ticket(), True),
        (_caller(scopes=frozenset({"read:customer"})), _ticket(), False),
        (_caller(scopes=frozenset()), _ticket(), False),
    ],
)
def test_rows(caller: Principal, row: dict[str, Any], visible: bool) -> None:
    assert SNAPSHOT.decide(caller, "ticket", row, NOW) is visible
    in_sql = SNAPSHOT.visibility(caller, "ticket").rows
    assert (evaluate(in_sql, row, None, NOW) is True) is visible


@pytest.mark.parametrize(
    ("caller", "row", "masks"),
    [
        (_caller(lead=True), _ticket(), {}),
        # `clear` needs to be true.
        (_caller(lead=False), _ticket(), {"title": PARTIAL, "requester_email": HIDE}),
        (_caller(), _ticket(), {"title": PARTIAL, "requester_email": HIDE}),
        # It lifts the masks of its own side, not those for agents.
        (_caller(lead=True, agent="bot"), _ticket(), {"title": PARTIAL}),
        # Nor a guard rail's; of several masks the strictest counts.
        (_caller(lead=True), _ticket(urgent=True), {"requester_email": PARTIAL}),
        (_caller(lead=True), _ticket(urgent=None), {"requester_email": PARTIAL}),
        (
            _caller(lead=False),
            _ticket(urgent=True),
            {"title": PARTIAL, "requester_email": HIDE},
        ),
        # An agent on its own is nobody's lead.
        (
            _caller(user=None, agent="crawler"),
            _ticket(),
            {"title": PARTIAL, "requester_email": HIDE},
        ),
    ],
)
def test_masks(caller: Principal, row: dict[str, Any], masks: dict[str, Mask]) -> None:
    assert SNAPSHOT.masks_for(caller, "ticket", row, NOW) == masks
    visibility = SNAPSHOT.visibility(caller, "ticket")
    applied = {
        name: next(
            (m for m, when in mask.levels if evaluate(when, row, None, NOW) is not False), None
        )
        for name, mask in visibility.masks.items()
    }
    assert {name: mask for name, mask in applied.items() if mask is not None} == masks


def test_a_field_that_is_null_on_every_row_is_known_as_hidden() -> None:
    visibility = SNAPSHOT.visibility(_caller(lead=False), "ticket")

    assert visibility.hidden("requester_email")
    assert not visibility.hidden("title")
    assert not SNAPSHOT.visibility(_caller(lead=True), "ticket").hidden("requester_email")


def test_who_is_on_other_sides_shares_no_visibility() -> None:
    person = SNAPSHOT.visibility(_caller(), "ticket")

    assert person is not SNAPSHOT.visibility(_caller(agent="bot", region="emea"), "ticket")
    assert SNAPSHOT.visibility(_caller(scopes=frozenset()), "ticket").sees_nothing


@pytest.mark.parametrize("side", ["user", "agent_alone"])
def test_deny_rules_alone_grant_nothing(side: str) -> None:
    text = f"entity: ticket\nrules: [{{id: a, effect: deny, for: {side}, when: ticket.urgent}}]"
    snapshot = Snapshot(read_policies([("ticket.yaml", text)], SPECS, CALLERS))
    caller = _caller() if side == "user" else _caller(user=None, agent="bot")

    assert not snapshot.decide(caller, "ticket", _ticket(), NOW)
    assert snapshot.visibility(caller, "ticket").sees_nothing

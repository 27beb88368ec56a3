"""Explanations: the decision, the rules behind it, and what they saw."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from access_policies import Mask, MaskKind, Principal, Snapshot, explain
from access_policies import read_policies as read
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW

POLICY = """
entity: ticket
rules:
  - id: own-regions
    effect: allow
    when: ticket.customer.region in user.regions
    because: Support sees the tickets of its own regions.
  - id: legal-hold
    effect: deny
    when: contains(ticket.title, "legal hold")
masks:
  - id: contact-data
    fields: [requester_email]
    mask: partial
    when: purpose != "billing"
"""
SNAPSHOT = Snapshot(read([("ticket.yaml", POLICY)], SPECS, CALLERS))
ANN = Principal.create(
    tenant="acme", user="ann", user_attributes={"regions": ["emea", "apac"]}, declared=CALLERS
)


def _row(region: str | None, title: str | None) -> dict[str, Any]:
    return {"title": title, "customer": {"region": region}}


def test_an_explanation_reads_well() -> None:
    explanation = explain(SNAPSHOT, ANN, "ticket", _row("emea", None), NOW)

    assert str(explanation) == textwrap.dedent(
        f"""\
        ticket: hidden, denied by legal-hold (policy {SNAPSHOT.version[:12]})
          applies  allow    own-regions: ticket.customer.region in user.regions
                   true with ticket.customer.region = "emea", user.regions = ["emea", "apac"]
                   Support sees the tickets of its own regions.
          applies  deny     legal-hold: contains(ticket.title, "legal hold")
                   unknown with ticket.title = missing
        masked fields: requester_email (partial)
          applies  partial  contact-data: purpose != "billing"
                   unknown with purpose = missing
        to be seen:
          legal-hold must not deny it if not `contains(ticket.title, "legal hold")` \
(ticket.title is missing)"""
    )


@pytest.mark.parametrize(
    ("row", "visible", "deciding", "truths"),
    [
        # Allowed, and by which rule.
        (_row("emea", "Printer"), True, ("own-regions",), (True, False)),
        # A deny decides, whether it is true or unknown.
        (_row("emea", "legal hold"), False, ("legal-hold",), (True, True)),
        (_row("emea", None), False, ("legal-hold",), (True, None)),
        # Nothing decides: no rule allows it.
        (_row("latam", "Printer"), False, (), (False, False)),
        (_row(None, "Printer"), False, (), (None, False)),
    ],
)
def test_what_decides(
    row: dict[str, Any],
    visible: bool,
    deciding: tuple[str, ...],
    truths: tuple[bool | None, ...],
) -> None:
    explanation = explain(SNAPSHOT, ANN, "ticket", row, NOW)

    assert explanation.visible is visible
    assert explanation.deciding == deciding
    assert tuple(trace.value for trace in explanation.rules) == truths
    assert explanation.masked == {"requester_email": Mask(MaskKind.PARTIAL)}
    first = explanation.lines()[0]
    assert ("visible" if visible else "hidden") in first
    assert deciding or "no rule allows it" in first


def test_an_entity_without_a_policy() -> None:
    explanation = explain(SNAPSHOT, ANN, "customer", {"region": "emea"}, NOW)

    assert explanation.lines() == [
        f"customer: hidden, as it has no policy (policy {SNAPSHOT.version[:12]})",
        "to be seen:",
        "  no rule for user allows anything: write one",
    ]

"""A snapshot's decisions, through Casbin, and the visibilities that stand for them in SQL."""

from __future__ import annotations

import logging
import sys
import textwrap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policies import (
    Mask,
    MaskKind,
    MaskRule,
    Policy,
    PolicySet,
    Principal,
    Rule,
    Snapshot,
)
from access_policies import read_policies as read
from index.errors import ConfigurationError
from index.predicate import ALWAYS, NEVER, Attribute, Comparison, Constant, Membership, Not
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW

HIDE, PARTIAL = Mask(MaskKind.HIDE), Mask(MaskKind.PARTIAL)
SUPPORT = """
entity: ticket
rules:
  - id: own-regions
    effect: allow
    when: ticket.customer.region in user.regions
  - id: leads-see-urgent
    effect: allow
    when: user.lead and ticket.urgent
  - id: legal-hold
    effect: deny
    when: contains(ticket.title, "legal hold")
masks:
  - id: gold-contacts
    fields: [requester_email, region]
    mask: hide
    when: ticket.customer.tier == "gold" and purpose != "billing"
  - id: contact-data
    fields: [requester_email]
    mask: partial
    when: not user.lead
"""


def _snapshot(text: str = SUPPORT) -> Snapshot:
    return Snapshot(read([("ticket.yaml", textwrap.dedent(text))], SPECS, CALLERS))


def _principal(purpose: str | None = "support", **attributes: Any) -> Principal:
    return Principal.create(
        tenant="acme", user="ann", purpose=purpose, user_attributes=attributes, declared=CALLERS
    )


def _ticket(region: str | None = "emea", tier: object = "free", **fields: Any) -> dict[str, Any]:
    customer = {"region": region, "tier": tier}
    return {"title": "Printer", "urgent": False, "customer": customer} | fields


EMEA = _principal(regions=["emea"], lead=False)
LEAD = _principal(regions=[], lead=True)


@pytest.mark.parametrize(
    ("principal", "row", "visible"),
    [
        # An allow rule that is true is enough; one that is false or unknown is none.
        (EMEA, _ticket("emea"), True),
        (EMEA, _ticket("apac"), False),
        (EMEA, _ticket(None), False),
        (EMEA, _ticket(customer=None), False),
        # Any of several allow rules will do.
        (LEAD, _ticket("apac", urgent=True), True),
        (LEAD, _ticket("emea", urgent=False), False),
        # An attribute that the caller lacks allows nothing.
        (_principal(), _ticket("emea", urgent=True), False),
        # It never equals a value that the row lacks.
        (_principal(), _ticket(None, urgent=None), False),
        # A deny rule that is true or unknown outweighs every allow.
        (EMEA, _ticket("emea", title="under legal hold"), False),
        (EMEA, _ticket("emea", title=None), False),
        # A row that says too little is not visible, nor is one of the wrong types.
        (EMEA, {}, False),
        (EMEA, _ticket("emea", title=7), False),
        (EMEA, _ticket(customer="emea"), False),
    ],
)
def test_decide(principal: Principal, row: Mapping[str, Any], visible: bool) -> None:
    assert _snapshot().decide(principal, "ticket", row, NOW) is visible


@pytest.mark.parametrize(
    ("principal", "row", "masks"),
    [
        # No mask that is false applies.
        (LEAD, _ticket(tier="free"), {}),
        (EMEA, _ticket(tier="free"), {"requester_email": PARTIAL}),
        # Hiding wins over a partial mask.
        (EMEA, _ticket(tier="gold"), {"requester_email": HIDE, "region": HIDE}),
        # A mask applies when it is unknown: by the row, or by the caller.
        (LEAD, _ticket(tier=None), {"requester_email": HIDE, "region": HIDE}),
        (_principal("billing"), _ticket(tier="gold"), {"requester_email": PARTIAL}),
        # A row of the wrong types is masked as far as its rule goes.
        (LEAD, _ticket(tier=7), {"requester_email": HIDE, "region": HIDE}),
    ],
)
def test_masks_for(principal: Principal, row: dict[str, Any], masks: dict[str, Mask]) -> None:
    assert _snapshot().masks_for(principal, "ticket", row, NOW) == masks


@pytest.mark.parametrize("text", ["entity: customer\nrules: []", "entity: ticket\nrules: []"])
def test_without_rules_nobody_sees_anything(text: str) -> None:
    snapshot = _snapshot(text)

    assert not snapshot.decide(EMEA, "ticket", _ticket(), NOW)
    assert snapshot.visibility(EMEA, "ticket").sees_nothing
    assert snapshot.visibility(EMEA, "ticket").rows == NEVER
    assert snapshot.masks_for(EMEA, "no such entity", {}, NOW) == {}


def test_visibility_of_a_known_caller() -> None:
    region = Membership(Attribute(("customer", "region")), Constant(("emea",)))
    visibility = _snapshot().visibility(EMEA, "ticket")

    # The second allow rule is false for whoever is no lead, and is gone.
    assert visibility.rows.operands[0] == region  # type: ignore[union-attr]
    assert visibility.hops == {("customer",)}
    assert not visibility.clear("requester_email")
    assert not visibility.clear("region")
    assert visibility.clear("title")
    (hide, _), (partial, when) = visibility.masks["requester_email"].levels
    assert (hide, partial, when) == (HIDE, PARTIAL, ALWAYS)
    assert not visibility.hidden("requester_email")
    assert visibility.masks["region"].clear == Not(
        Comparison("==", Attribute(("customer", "tier")), Constant("gold"))
    )


@pytest.mark.parametrize(
    ("principal", "sees_nothing", "clear"),
    [
        # Unknown for every row: no allow rule can ever be true, and every mask applies.
        (_principal(None), True, False),
        # An empty list contains nothing.
        (_principal("billing", regions=[], lead=False), True, False),
        # A mask that is false for this caller on every row leaves the field in the clear.
        (_principal("billing", regions=["emea"], lead=True), False, True),
    ],
)
def test_visibility_settles_what_the_caller_decides(
    principal: Principal, sees_nothing: bool, clear: bool
) -> None:
    visibility = _snapshot().visibility(principal, "ticket")

    assert visibility.sees_nothing is sees_nothing
    assert visibility.clear("requester_email") is clear


def test_a_visibility_is_shared_by_who_differs_in_nothing_that_matters() -> None:
    snapshot = _snapshot()
    bob = replace(EMEA, user="bob", user_attributes={**EMEA.user_attributes, "level": 3})

    assert snapshot.visibility(bob, "ticket") is snapshot.visibility(EMEA, "ticket")
    assert snapshot.visibility(LEAD, "ticket") is not snapshot.visibility(EMEA, "ticket")


def test_the_version_is_that_of_the_meaning() -> None:
    reordered = SUPPORT.replace("user.lead and ticket.urgent", "user.lead  and (ticket.urgent)")
    narrowed = SUPPORT.replace("user.lead and ticket.urgent", "user.lead and not ticket.urgent")

    assert _snapshot().version == _snapshot(reordered).version
    assert _snapshot().version != _snapshot(narrowed).version


def test_a_rule_that_fails_denies_and_is_named_without_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = _ticket("emea", title=["s3cret"])

    assert not _snapshot().decide(EMEA, "ticket", row, NOW)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "rule legal-hold cannot be evaluated (TypeError)" in record.message
    assert "s3cret" not in caplog.text


def test_casbin_logs_no_request(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = logging.getLogger("an.application")
    snapshot = _snapshot()
    for name in ("casbin", "casbin.enforcer", "casbin.policy"):
        # As an application's own logging configuration would do after we made ours.
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        caplog.set_level(logging.DEBUG, logger=name)
    with caplog.at_level(logging.DEBUG):
        assert not snapshot.decide(EMEA, "ticket", _ticket("apac", title="s3cret"), NOW)
        assert snapshot.decide(EMEA, "ticket", _ticket("emea", title="s3cret"), NOW)
        _snapshot()

    assert caplog.records == []
    assert not ours.disabled


def test_the_abandoned_casbin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "casbin-1.43.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: casbin\nVersion: 1.43.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    with pytest.raises(ConfigurationError, match="pip uninstall -y casbin pycasbin"):
        _snapshot()


@pytest.mark.parametrize(
    "rules",
    [
        # Casbin passes over an effect that it does not know, and so over a deny rule.
        (Rule(id="a", effect="Deny", text="true", predicate=ALWAYS),),  # type: ignore[arg-type]
        # Of two rules with one id the second would take the place of the first.
        (
            Rule(id="a", effect="deny", text="true", predicate=ALWAYS),
            Rule(id="a", effect="allow", text="true", predicate=ALWAYS),
        ),
    ],
)
def test_rules_that_casbin_would_misread_are_refused(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(ConfigurationError):
        Snapshot(PolicySet({"ticket": Policy(entity="ticket", rules=rules)}))


def test_threads_do_not_see_each_other_s_requests() -> None:
    snapshot = _snapshot()
    cases = [(EMEA, _ticket("emea"), True), (EMEA, _ticket("apac"), False)]
    cases += [(LEAD, _ticket("apac", urgent=True), True), (LEAD, _ticket("emea"), False)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            decided = list(
                pool.map(lambda case: snapshot.decide(case[0], "ticket", case[1], NOW), cases * 500)
            )
    finally:
        sys.setswitchinterval(interval)

    assert decided == [visible for _, _, visible in cases] * 500


def test_a_policy_set_cannot_change() -> None:
    policies = read([("ticket.yaml", SUPPORT)], SPECS, CALLERS).policies

    with pytest.raises(TypeError):
        policies["ticket"] = policies["ticket"]  # type: ignore[index]
    assert all(isinstance(mask, MaskRule) for mask in policies["ticket"].masks)

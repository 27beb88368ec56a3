"""Policy files: the whole of a directory is read, and every mistake is reported with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from access_policies import Mask, MaskKind, PolicyError, load_policies, read_policies
from index.predicate import Attribute, Comparison, Constant, Truth
from tests.access_policies.strategies import CALLERS, SPECS

TICKET_POLICY = """\
entity: ticket
rules:
  - id: open-ones
    effect: allow
    when: ticket.status == "open"
    because: Whoever works here sees what is open.
  - id: never-urgent
    effect: deny
    when: ticket.urgent
masks:
  - id: contact-data
    fields: [requester_email, title]
    mask: partial
    when: true
"""


def test_a_document_under_another_ending_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "customer.yml").write_text("entity: customer\nrules: []\n")
    with pytest.raises(PolicyError, match=r"customer\.yml: .* ends in `\.yaml`; rename it"):
        load_policies(tmp_path, SPECS, CALLERS)


def test_a_policy_file(tmp_path: Path) -> None:
    (tmp_path / "ticket.yaml").write_text(TICKET_POLICY)
    (tmp_path / "customer.yaml").write_text("entity: customer\nrules: []\n")
    (tmp_path / "README.md").write_text("not a policy")

    policies = load_policies(tmp_path, SPECS, CALLERS).policies

    assert set(policies) == {"ticket", "customer"}
    ticket = policies["ticket"]
    (allow, deny), (mask,) = ticket.rules, ticket.masks
    assert (allow.effect, deny.effect) == ("allow", "deny")
    assert allow.id == "open-ones"
    assert allow.text == 'ticket.status == "open"'
    assert allow.predicate == Comparison("==", Attribute(("status",)), Constant("open"))
    assert allow.because == "Whoever works here sees what is open."
    assert (deny.id, deny.because) == ("never-urgent", "")
    assert (mask.mask, mask.fields) == (Mask(MaskKind.PARTIAL), ("requester_email", "title"))
    assert mask.predicate == Truth(True)


def _rule(**keys: str) -> str:
    lines = {"id": "r1", "effect": "allow", "when": "true", **keys}
    return "entity: ticket\nrules:\n  - " + "\n    ".join(f"{k}: {v}" for k, v in lines.items())


def _mask(**keys: str) -> str:
    lines = {"id": "m1", "fields": "[title]", "mask": "hide", "when": "true", **keys}
    body = "\n    ".join(f"{k}: {v}" for k, v in lines.items())
    return f"entity: ticket\nrules: []\nmasks:\n  - {body}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # The file itself.
        ("", "line 1: the file is empty"),
        ("- ticket", "line 1: a document has one of the keys entity, guard_rail, tests, owners"),
        ("entty: ticket\nrules: []", "did you mean `entity`?"),
        ("entity: [", "line 1: this is not YAML"),
        ("a: 1\n---\nb: 2", "line 2: this is not YAML"),
        ("entity: ticket\0", "line 1: the character U+0000 cannot be used"),
        ("[" * 5000, "line 1: this is nested too deeply"),
        ("entity: ticket", "line 1: `rules` is missing"),
        ("entity: ticket\nrule: []", "line 2: `rule` is unknown; did you mean `rules`?"),
        ("entity: ticket\nrules: []\nrules: []", "line 3: `rules` stands here twice"),
        ("entity: tickets\nrules: []", "line 1: there is no entity `tickets`; did you mean"),
        ("entity:\nrules: []", "line 1: expected a text"),
        ("entity: ticket\nrules: none", "line 2: expected a list"),
        ("entity: ticket\nrules: [see-all]", "line 2: expected the keys id, effect, when"),
        # A rule.
        (_rule(effect="Allow"), "line 4: there is no effect `Allow`; did you mean `allow`?"),
        (_rule(effect="permit"), "line 4: there is no effect `permit`; known are allow, deny"),
        (_rule(unless="false"), "line 6: `unless` is unknown; known are id, effect, when"),
        (_rule(id="'two words'"), "line 3: an id has letters"),
        (_rule(id="''"), "line 3: expected a text"),
        (_rule(when=""), "line 5: expected a text"),
        (_rule(when="[a, b]"), "line 5: expected a text"),
        (_rule(when="ticket.statsu == 'open'"), "line 5: column 8: ticket has no field `statsu`"),
        (_rule(when="'true) or (true'"), "line 5: column 5: a parenthesis or bracket"),
        (_rule(because="[]"), "line 6: expected a text"),
        (_rule() + "\n  - {id: r1, effect: deny, when: 'true'}", "line 6: the id `r1` stands here"),
        (_rule() + "\nmasks: [{id: r1, fields: [title], mask: hide, when: 'true'}]", "id `r1`"),
        # YAML 1.1 reads these as booleans; the language does not know them.
        (_rule(when="yes"), "line 5: column 1: `yes` is unknown"),
        # A mask.
        (_mask(mask="blur"), "line 6: there is no mask `blur`; known are hide, redact, hash"),
        (_mask(fields="[titel]"), "line 5: there is no field of ticket `titel`; did you mean"),
        (_mask(fields="title"), "line 5: expected a list"),
        (_mask(fields="[]"), "line 5: the mask names no field"),
        (
            _mask(mask="partial", fields="[priority]"),
            "line 5: `partial` cannot mask `priority`, which is a whole number; use `hide`",
        ),
        (
            _mask(mask="hash", fields="[status]"),
            "which is one of a few values; use `hide`, `clear`",
        ),
        (_mask(mask="bucket", fields="[priority]"), "line 6: a bucket needs `to`"),
        (_mask(mask="bucket", fields="[priority]", to="month"), "bands of a width"),
        (_mask(mask="bucket", fields="[priority]", to="0"), "bands of a width"),
        (_mask(mask="hide", to="10"), "line 8: `to` is for buckets; hide has none"),
        # Two bands that do not nest tell more together than each alone.
        (
            "entity: ticket\nrules: []\nmasks:\n"
            "  - {id: a, fields: [priority], mask: bucket, to: 10, when: 'true'}\n"
            "  - {id: b, fields: [priority], mask: bucket, to: 15, when: 'true'}",
            "make one a multiple of the other",
        ),
        # Whom it is for.
        (_rule(**{"for": "agents"}), "line 6: there is no side `agents`; did you mean `agent`?"),
        (_mask(**{"for": "agent_alone"}), "there is no side `agent_alone`"),
        # A guard rail.
        ("guard_rail: ticket", "ticket has no policy, so there is nothing to guard"),
        (
            "guard_rail: ticket\nrules: [{id: a, effect: allow, when: 'true'}]",
            "line 2: a guard rail only denies",
        ),
        (
            "guard_rail: ticket\nrules: [{id: a, effect: deny, for: agent, when: 'true'}]",
            "line 2: a guard rail only denies, and denies everyone",
        ),
        (
            "guard_rail: ticket\nmasks: [{id: a, fields: [title], mask: clear, when: 'true'}]",
            "line 2: a guard rail only masks",
        ),
        (_mask(when="user.regoin == 'emea'"), "line 7: column 6: no attribute `regoin`"),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policies([("ticket.yaml", text)], SPECS, CALLERS)

    assert all(found.startswith(("ticket.yaml", "ticket:")) for found in caught.value.problems)
    assert any(problem in found for found in caught.value.problems)


def test_every_mistake_of_every_file_is_reported(tmp_path: Path) -> None:
    bad_rules = _rule(when="ticket.statsu == 'open'", effect="Deny")
    (tmp_path / "1.yaml").write_text(bad_rules)
    (tmp_path / "3.yaml").write_text(TICKET_POLICY)
    (tmp_path / "4.yaml").write_text(TICKET_POLICY)

    with pytest.raises(PolicyError) as caught:
        load_policies(tmp_path, SPECS, CALLERS)

    beginnings = [problem.splitlines()[0] for problem in caught.value.problems]
    assert beginnings == [
        "1.yaml, line 4: there is no effect `Deny`; did you mean `deny`?",
        "1.yaml, line 5: column 8: ticket has no field `statsu`; did you mean `status`?",
        "3.yaml, line 1: another document already holds what is for `ticket`",
        "4.yaml, line 1: another document already holds what is for `ticket`",
    ]
    assert all(problem in str(caught.value) for problem in caught.value.problems)


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.yaml").write_bytes(b"entity: \xff")

    with pytest.raises(PolicyError, match=r"1\.yaml: the file cannot be read as UTF-8 text"):
        load_policies(tmp_path, SPECS, CALLERS)


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is not a directory"):
        load_policies(tmp_path / "nowhere", SPECS, CALLERS)

"""Whether a change of a policy shows anything new: known cases, and the edges of what is asked."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from access_policies import Policy, PolicySet, Snapshot, read_policies
from access_policies.proof import Limits, ProofUnavailable, Verdict, available, findings, narrows
from tests.access_policies.strategies import CALLERS, SPECS

# Whether something is proved must not depend on how busy the machine is.
PATIENT = Limits(question=30, call=120)
SAME = ("proved", "proved")
NARROWER = ("proved", "refuted")
WIDER = ("refuted", "proved")
OTHER = ("refuted", "refuted")

# One allow rule with the old and with the new condition, and what is said of the change and of the
# change back.
CONDITIONS = [
    # A condition more.
    ('ticket.status == "open"', 'ticket.status == "open" and ticket.urgent', NARROWER),
    # An alternative less.
    ('ticket.urgent or ticket.region == "emea"', 'ticket.region == "emea"', NARROWER),
    # Something else altogether.
    ("ticket.urgent", 'ticket.region == "emea"', OTHER),
    # The values of an enum are those of the model.
    ('ticket.status in ["open", "pending"]', 'ticket.status != "closed"', SAME),
    # All its values are still not the missing one.
    ("true", 'ticket.status in ["open", "pending", "closed"]', NARROWER),
    # What is missing is neither equal nor unequal.
    ('not (ticket.region == "emea")', 'ticket.region != "emea"', SAME),
    (
        'ticket.region != "emea" or ticket.region == null',
        'not (ticket.region == "emea")',
        NARROWER,
    ),
    ("true", 'ticket.region == "emea" or ticket.region != "emea"', NARROWER),
    # A caller's missing attribute finds no missing field.
    ("ticket.region == null", "ticket.region == user.region", OTHER),
    # Whole numbers have nothing in between, decimal ones do.
    ("ticket.priority > 1", "ticket.priority >= 2", SAME),
    ("ticket.score > 1", "ticket.score >= 2", NARROWER),
    ("ticket.score >= 0.1", "ticket.score > 0.1", NARROWER),
    ("ticket.score == 1.1", "ticket.score == 1.10", SAME),
    # A whole number may be compared with a decimal one.
    ("ticket.score > ticket.priority", "ticket.score > ticket.priority and true", SAME),
    # The last number that there is.
    (
        "ticket.priority > 9223372036854775806",
        "ticket.priority == 9223372036854775807",
        SAME,
    ),
    ("ticket.priority >= 1 and ticket.priority < 5", "1 <= ticket.priority < 5", SAME),
    # Numbers in a row.
    (
        "ticket.priority < user.level",
        "ticket.priority < ticket.customer.employees < user.level",
        NARROWER,
    ),
    # What starts with a text sorts from it up to the next one.
    ('startsWith(ticket.title, "ab")', 'ticket.title >= "ab" and ticket.title < "ac"', SAME),
    ('startsWith(ticket.title, "a")', 'keyMatch(ticket.title, "ab*")', NARROWER),
    # Order is by code point, also beyond 16 bits.
    ('ticket.title > "\uffee"', 'ticket.title > "\U0001f98a"', NARROWER),
    # A backslash in a text is that and nothing else.
    (r'ticket.title == "\\u{41}"', 'ticket.title == "A"', OTHER),
    (r'ticket.title > "A"', r'ticket.title == "\\u{41}"', NARROWER),
    # One part is part of another.
    ('contains(ticket.title, "b")', 'startsWith(ticket.title, "abc")', NARROWER),
    ('contains(ticket.title, "b")', 'endsWith(ticket.title, "abc")', NARROWER),
    ('endsWith(ticket.title, "c")', 'endsWith(ticket.title, "bc")', NARROWER),
    # No text has two ends.
    ("ticket.urgent", 'endsWith(ticket.title, "a") and endsWith(ticket.title, "b")', NARROWER),
    ('contains(ticket.title, "Café")', 'contains(ticket.title, "Cafe\u0301")', OTHER),
    # A text that is named, and what is in it.
    ('contains("emea", ticket.region)', 'ticket.region in ["em", "mea", ""]', NARROWER),
    ('endsWith("emea", ticket.region)', 'ticket.region == "ea"', NARROWER),
    # Two texts that no rule names.
    ("startsWith(ticket.title, user.region)", "ticket.title == user.region", NARROWER),
    # Nothing is in an empty list, not even what is missing.
    (
        "ticket.region not in user.regions and ticket.region != null",
        "ticket.region not in user.regions",
        WIDER,
    ),
    ("ticket.region in user.regions", "ticket.region in user.regions and not user.lead", NARROWER),
    # A missing element might be the one that is looked for.
    ('not ("vip" in ticket.tags)', '"vip" not in ticket.tags', SAME),
    ('"vip" in ticket.tags', 'overlaps(ticket.tags, ["vip"])', SAME),
    ('overlaps(ticket.tags, ["vip", "eu"])', '"vip" in ticket.tags', NARROWER),
    (
        "overlaps(ticket.tags, user.regions)",
        "ticket.region in ticket.tags and ticket.region in user.regions",
        NARROWER,
    ),
    ("not overlaps(ticket.tags, user.regions)", '"vip" not in ticket.tags', OTHER),
    # A field of a parent that is absent is neither missing nor there.
    ("ticket.customer.tier == null", "ticket.customer.region == null", OTHER),
    ("true", "ticket.customer.region == null or ticket.customer.region != null", NARROWER),
    (
        "ticket.customer.region == null or ticket.customer.region != null",
        "ticket.customer.owner.team == null",
        NARROWER,
    ),
    # Some row, and the same row.
    (
        "any(ticket.comments, comment.internal)",
        "any(ticket.comments, comment.internal and comment.rating > 3)",
        NARROWER,
    ),
    (
        "any(ticket.comments, comment.internal) and any(ticket.comments, comment.rating > 3)",
        "any(ticket.comments, comment.internal and comment.rating > 3)",
        NARROWER,
    ),
    (
        "any(ticket.comments, comment.rating > 3)",
        "any(ticket.comments, comment.rating == user.level) and user.level > 3",
        NARROWER,
    ),
    # Not any is true only if nothing about any of them is missing.
    (
        "not any(ticket.comments, comment.internal)",
        "not any(ticket.comments, comment.internal or comment.internal == null)",
        SAME,
    ),
    (
        "not any(ticket.comments, comment.rating > 1)",
        "not any(ticket.comments, comment.rating > 0)",
        NARROWER,
    ),
    # Rows below rows.
    (
        "any(ticket.comments, any(comment.reactions, reaction.weight > 1))",
        "any(ticket.comments, comment.internal and any(comment.reactions, reaction.weight > 2))",
        NARROWER,
    ),
    # Rows of a parent that is absent are not known.
    (
        'any(ticket.customer.invoices, invoice.state == "paid") or ticket.customer.region != null',
        'any(ticket.customer.invoices, invoice.state == "paid")',
        NARROWER,
    ),
    ("true", 'not any(ticket.customer.invoices, invoice.state == "void")', NARROWER),
    # Days count from one moment.
    ("ticket.created_at > daysAgo(90)", "ticket.created_at > daysAgo(30)", NARROWER),
    ("ticket.due_at > now", "ticket.due_at > daysAhead(1)", NARROWER),
    (
        "ticket.created_at < now",
        'ticket.created_at < "2026-01-01T00:00:00Z" and now > "2026-06-01T00:00:00Z"',
        NARROWER,
    ),
    # A microsecond is the smallest step of time.
    (
        'ticket.due_at > "2026-01-01T00:00:00Z"',
        'ticket.due_at >= "2026-01-01T00:00:00.000001Z"',
        SAME,
    ),
    # Ids are equal or not.
    (
        "ticket.account == user.account",
        "ticket.account == user.account and ticket.customer.account == user.account",
        NARROWER,
    ),
    # No name of a caller is empty, but the text of a field may be.
    ("false", 'user.name == ""', SAME),
    ("false", 'ticket.title == ""', WIDER),
    # An enum and a text are both texts.
    ('ticket.title in ["open", "pending", "closed"]', "ticket.title == ticket.status", NARROWER),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CONDITIONS)
def test_a_change_of_a_condition(old: str, new: str, expected: tuple[str, str]) -> None:
    before, after = _policy(_rule(old)), _policy(_rule(new))
    assert (_verdict(before, after).outcome, _verdict(after, before).outcome) == expected


ALL = "{id: all, effect: allow, when: 'true'}"
CHANGES = [
    # A deny rule more.
    ([ALL], [ALL, "{id: no, effect: deny, when: ticket.urgent}"], NARROWER),
    # A deny rule applies unless it is false: what is missing is denied, until it is asked for.
    (
        [ALL, "{id: no, effect: deny, when: ticket.region == 'emea' and ticket.region != null}"],
        [ALL, "{id: no, effect: deny, when: ticket.region == 'emea'}"],
        NARROWER,
    ),
    # It takes from every allow rule, whatever the order.
    (
        ["{id: no, effect: deny, when: ticket.urgent}", ALL],
        ["{id: calm, effect: allow, when: not ticket.urgent}"],
        SAME,
    ),
    # A limit for agents leaves users alone.
    ([ALL], [ALL, "{id: calm, effect: allow, for: agent, when: not ticket.urgent}"], NARROWER),
    # Without any rule for them agents see what their user sees; one rule limits them to it.
    (
        [ALL, "{id: calm, effect: allow, for: agent, when: not ticket.urgent}"],
        [ALL, "{id: no, effect: deny, for: agent, when: ticket.urgent}"],
        SAME,
    ),
    # An agent on its own is another caller.
    ([ALL], [ALL, "{id: alone, effect: allow, for: agent_alone, when: 'true'}"], WIDER),
    # What an agent on its own sees is not limited by what limits an agent with a user.
    (
        ["{id: alone, effect: allow, for: agent_alone, when: 'true'}"],
        [
            "{id: alone, effect: allow, for: agent_alone, when: 'true'}",
            "{id: no, effect: deny, for: agent, when: 'true'}",
        ],
        SAME,
    ),
    # A purpose limits everyone.
    ([ALL], [ALL, "{id: no, effect: deny, for: purpose, when: purpose == 'ads'}"], NARROWER),
    (
        [ALL, "{id: no, effect: deny, for: purpose, when: 'true'}"],
        ["{id: nobody, effect: deny, when: 'true'}"],
        SAME,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_a_change_of_rules(old: list[str], new: list[str], expected: tuple[str, str]) -> None:
    before, after = _policy(*old), _policy(*new)
    assert (_verdict(before, after).outcome, _verdict(after, before).outcome) == expected


MASKS = [
    # One kind withholds more than the next.
    ("[title], mask: redact", "[title], mask: hide", NARROWER),
    ("[title], mask: hash", "[title], mask: redact", NARROWER),
    ("[title], mask: partial", "[title], mask: hash", NARROWER),
    # The fields of a mask.
    ("[title], mask: hide", "[title, status], mask: hide", NARROWER),
    ("[title], mask: hide", "[status], mask: hide", OTHER),
    # A longer time, a wider band whose bounds are all bounds of the other.
    ("[due_at], mask: bucket, to: day", "[due_at], mask: bucket, to: month", NARROWER),
    ("[due_at], mask: bucket, to: month", "[due_at], mask: bucket, to: year", NARROWER),
    ("[score], mask: bucket, to: 0.5", "[score], mask: bucket, to: 10", NARROWER),
    ("[score], mask: bucket, to: 1000", "[score], mask: bucket, to: 1500", OTHER),
    ("[score], mask: bucket, to: 10", "[score], mask: bucket, to: 10.0", SAME),
    ("[score], mask: bucket, to: 10", "[score], mask: hide", NARROWER),
    # When it applies; where its condition is unknown it does.
    ("[title], mask: hide, on: ticket.urgent", "[title], mask: hide", NARROWER),
    (
        "[title], mask: hide, on: ticket.urgent and ticket.urgent != null",
        "[title], mask: hide, on: ticket.urgent",
        NARROWER,
    ),
    # A purpose is like a user here: a mask for either counts for everyone.
    ("[title], mask: hide", "[title], mask: hide, for: purpose", SAME),
    # A mask for agents is none for users.
    ("[title], mask: hide, for: agent", "[title], mask: hide", NARROWER),
    # On rows that nobody sees a mask does nothing.
    (
        "[title], mask: hide, on: ticket.status == null",
        "[score], mask: hide, on: ticket.status == null",
        SAME,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), MASKS)
def test_a_change_of_a_mask(old: str, new: str, expected: tuple[str, str]) -> None:
    seen = _rule("ticket.status != null")
    before, after = _policy(seen, masks=[_mask(old)]), _policy(seen, masks=[_mask(new)])
    assert (_verdict(before, after).outcome, _verdict(after, before).outcome) == expected


def test_a_mask_that_is_lifted_shows_more() -> None:
    masks = [_mask("[title], mask: hide"), _mask("[title], mask: hide, for: agent")]
    lifted = [*masks, _mask("[title], mask: clear, on: user.lead")]
    before, after = _policy(ALL, masks=masks), _policy(ALL, masks=lifted)
    verdict = _verdict(before, after)
    assert verdict.outcome == "refuted"
    # With an agent the field stays hidden, on the agent's side.
    assert verdict.reason == (
        "A user (user.lead = true) would see `title` in the clear, on a ticket with no values at"
        " all; it is hidden now."
    )
    assert _verdict(after, before).outcome == "proved"
    # A mask of another kind for another side: the strictest counts.
    both = _policy(ALL, masks=[_mask("[title], mask: partial"), masks[1]])
    assert _verdict(_policy(ALL, masks=[_mask("[title], mask: partial")]), both).outcome == "proved"
    assert _verdict(before, both).outcome == "refuted"


def test_a_guard_rail_holds_whatever_the_owner_changes() -> None:
    guard = """
guard_rail: ticket
rules:
  - {id: embargo, effect: deny, when: ticket.region == "embargo"}
masks:
  - {id: never, fields: [title], mask: hide, when: "true"}
"""
    open_to_all = _policy(ALL, guard=guard)
    calm = _policy(ALL, "{id: no, effect: deny, when: ticket.region == 'embargo'}", guard=guard)
    clear = _policy(
        ALL, masks=[_mask("[title], mask: partial"), _mask("[title], mask: clear")], guard=guard
    )
    assert _verdict(calm, open_to_all).outcome == "proved"
    assert _verdict(open_to_all, clear).outcome == "proved"
    assert _verdict(open_to_all, _policy(ALL)).outcome == "refuted"


def test_an_entity_without_a_policy_shows_nothing() -> None:
    some, none = (
        _policy(_rule("ticket.urgent")),
        _policy(_rule("ticket.urgent and not ticket.urgent")),
    )
    assert _verdict(some, None).outcome == _verdict(None, None).outcome == "proved"
    assert _verdict(None, none).outcome == "proved"
    assert _verdict(None, some).reason == (
        "A user would see a ticket with urgent = true; it is not shown now."
    )


COUNTEREXAMPLES = [
    # Only what makes a difference is named.
    (
        'ticket.region == "emea" and ticket.urgent',
        'ticket.region == "emea" and user.lead',
        'A user (user.lead = true) would see a ticket with region = "emea"; it is not shown now.',
    ),
    (
        "not ticket.customer.vip",
        "ticket.customer.owner.team == null",
        "A user would see a ticket with a customer.owner; it is not shown now.",
    ),
    (
        "any(ticket.comments, comment.internal)",
        "any(ticket.comments, comment.rating == 3)",
        "A user would see a ticket with one of comments with rating = 3; it is not shown now.",
    ),
    (
        "false",
        "purpose == 'audit' and agent.name == 'bot' and 'eu' in agent.regions",
        'A user with an agent (agent.name = "bot", agent.regions = ["eu"], purpose = "audit")'
        " would see a ticket with no values at all; it is not shown now.",
    ),
    (
        "false",
        "ticket.due_at == now",
        "A user would see a ticket with due_at = 2026-01-01T00:00:00+00:00; it is not shown now"
        " (at 2026-01-01T00:00:00+00:00).",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), COUNTEREXAMPLES)
def test_a_counterexample_in_words(old: str, new: str, expected: str) -> None:
    assert _verdict(_policy(_rule(old)), _policy(_rule(new))).reason == expected


def test_what_is_known_only_in_part_is_no_counterexample() -> None:
    long = "a text with far more parts than anyone would want to count"
    old = _policy(_rule(f'contains("{long}!", ticket.title)'))
    new = _policy(_rule(f'contains("{long}", ticket.title)'))
    verdict = _verdict(old, new)
    assert (verdict.outcome, verdict.counterexample) == ("unknown", None)
    assert "no example either" in verdict.reason


def test_without_time_nothing_is_proved() -> None:
    old, new = _policy(ALL), _policy(ALL, "{id: no, effect: deny, when: ticket.urgent}")
    hurried = Limits(call=0)
    assert narrows(old, new, SPECS, CALLERS, limits=hurried).outcome == "unknown"
    (undecided,) = findings(new, SPECS, CALLERS, limits=hurried)
    assert (undecided.rule, undecided.kind) == ("", "undecided")
    assert undecided.sentence == "There was not enough time to examine `all` and `no`."


def test_threads_share_nothing_and_the_same_question_has_the_same_answer() -> None:
    policies = [_policy(_rule(new)) for _, new, _ in CONDITIONS[:8]]
    questions = [(old, new) for old in policies for new in policies]
    alone = [_verdict(old, new) for old, new in questions]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda question: _verdict(*question), questions)) == alone


def test_without_the_solver_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available()
    monkeypatch.setitem(sys.modules, "z3", None)  # how Python marks a module as not there
    assert not available()
    with pytest.raises(ProofUnavailable, match=r"pip install 'remit\[proof\]'"):
        narrows(None, _policy(ALL), SPECS, CALLERS)
    with pytest.raises(ProofUnavailable, match="z3"):
        findings(_policy(ALL), SPECS, CALLERS)


def _verdict(old: Policy | None, new: Policy | None) -> Verdict:
    """The verdict, whose counterexample both versions have confirmed."""
    verdict = narrows(old, new, SPECS, CALLERS, limits=PATIENT)
    found = verdict.counterexample
    assert (found is not None) == (verdict.outcome == "refuted")
    if found is not None and new is not None:
        before = Snapshot(PolicySet({} if old is None else {"ticket": old}))
        after = Snapshot(PolicySet({"ticket": new}))
        asked = (found.principal, "ticket", found.row, found.now)
        assert after.decide(*asked)
        assert before.decide(*asked) == bool(found.field)
        assert before.masks_for(*asked).get(found.field) == found.before
        assert after.masks_for(*asked).get(found.field) == found.after
    return verdict


def _policy(*rules: str, masks: list[str] | None = None, guard: str = "") -> Policy:
    lines = ["entity: ticket", "rules:", *(f"  - {rule}" for rule in rules)]
    lines += ["masks:", *(f"  - {mask}" for mask in masks)] if masks else []
    documents = [("ticket.yaml", "\n".join(lines))] + ([("guard.yaml", guard)] if guard else [])
    return read_policies(documents, SPECS, CALLERS).policies["ticket"]


def _rule(when: str) -> str:
    return f"{{id: rule, effect: allow, when: {_quoted(when)}}}"


_ids = iter(range(10_000))


def _mask(text: str) -> str:
    text, _, when = text.partition(", on: ")
    text, _, side = text.partition(", for: ")
    return (
        f"{{id: mask-{next(_ids)}, fields: {text}, for: {side or 'user'},"
        f" when: {_quoted(when or 'true')}}}"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Shapes of rules that translations to SQL are known to get wrong, one by one.

The classes of hazards are those of Cerbos' conformance corpus for query plans
(github.com/cerbos/query-plan-adapters, `conformance/`); the rows, the rules and what is expected of
them are our own. Where it compares with what its engine decides, here three ways have to agree with
what is written down: Casbin, the exact SQL and the filter.

What that corpus asks and our language cannot say is refused, which the second table holds:

- arithmetic and casts, with their overflows, divisions by zero, NaN and signed zeros: Python and
  Postgres round and fail differently;
- `condition ? a : b` as a value; as a condition it is written with `and`, `or` and `not`, as below;
- counts: the size of a text, a list or of rows, and "exactly one row"; `any` and `not any` remain;
- regular expressions, positions in a list, parts of an object, lists that are made from rows;
- texts put together, so that a key is built from an id; a path in a hierarchy is `startsWith`;
- the outer row inside `any`, compared with the inner one;
- null as an element or a constant in a list, and `has`: a value that is missing has one
  representation here, where theirs tells an explicit null from an absent attribute.

Left out is what belongs to their planner: how it spells a plan, and what it unrolls.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from access_policies import Principal, RuleError, Snapshot, parse, read_policies
from index.predicate import Not, substitute
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKET, HostileRows, MemoryRow, World

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def _row(**values: Any) -> MemoryRow:
    return values


def _comment(body: str | None, **values: Any) -> MemoryRow:
    return _row(body=body, **{"author": None, "reactions": (), **values})


def _reaction(kind: str | None, weight: int | None, *reasons: str | None) -> MemoryRow:
    return _row(kind=kind, weight=weight, flags=tuple(_row(reason=each) for each in reasons))


PAT = _row(name="pat", team="100 north", level=2, lead=True, skills=("sql",))
QUINN = _row(name="quinn", team=None, level=None, lead=None, skills=None)
ACME = _row(
    region="one", vip=True, employees=2, owner=PAT, labels=("finance",),
    invoices=(_row(number="1", state="paid"), _row(number="2", state="void")),
)  # fmt: skip
BARE = _row(region=None, vip=False, employees=7, owner=None, labels=(), invoices=())
CASE = _row(
    region="One", vip=None, employees=None, owner=QUINN, labels=None,
    invoices=(_row(number="3", state=None),),
)  # fmt: skip
GOLD = _comment("public", author=PAT, reactions=(_reaction("gold", 1, "spam"),))

ROWS: dict[str, MemoryRow] = {
    "plain": _row(
        title="one", requester_email="set", priority=5, score=Decimal("-0.6"), urgent=True,
        tags=("public",), customer=ACME, comments=(GOLD,), created_at=MIDNIGHT,
    ),
    "percent": _row(
        title="100%_done", requester_email=None, priority=-2, score=Decimal("0.25"), urgent=False,
        tags=(), customer=BARE, comments=(), created_at=NOW,
    ),
    "letter": _row(
        title="100xdone", requester_email="x", priority=2, score=None, urgent=True,
        tags=None, customer=CASE, comments=(_comment("public"), _comment("private")),
        created_at=NOW - timedelta(days=1),
    ),
    "under": _row(
        title="xa_by", requester_email=None, priority=1, score=Decimal("1.5"), urgent=None,
        tags=(None,), customer=None, comments=(_comment(None),), created_at=None,
    ),
    "cross": _row(
        title="xaXby", requester_email="a_b", priority=-5, score=Decimal("0.3"), urgent=False,
        tags=("public", None), customer=ACME,
        comments=(_comment(None), _comment("public", author=QUINN)), created_at=NOW,
    ),
    "rocket": _row(
        title="h\u00e9llo🚀", requester_email="h\u00e9llo🚀", priority=3, urgent=True,
        tags=("h\u00e9llo🚀", "a b"), customer=BARE,
        comments=(_comment("private", reactions=(_reaction("gold", None, None),)),),
    ),
    "slash": _row(
        title="tail\\", requester_email="\\", priority=0, urgent=True, tags=("other",),
        customer=CASE, comments=(_comment("other", reactions=(_reaction(None, 2),)),),
    ),
    "empty": _row(
        title="", requester_email="", priority=2, urgent=False, tags=("",), customer=None,
        comments=(_comment(""),),
    ),
    "capital": _row(
        title="One", requester_email="Set", priority=11, urgent=True, tags=("Public",),
        customer=BARE, comments=(_comment("Public"),),
    ),
    "none": _row(
        title=None, requester_email=None, priority=None, urgent=None, tags=None, customer=None,
        comments=(),
    ),
}  # fmt: skip
NAMES = list(ROWS)
ALL = set(NAMES)
_ACCOUNTS = {"plain": UUID(int=7)}
for _name, _ticket in ROWS.items():
    _ticket["account"] = _ACCOUNTS.get(_name)
    _ticket.setdefault("score", None)
    _ticket.setdefault("created_at", None)

KNOWN = ALL - {"none"}  # those with a title and a priority
ABOVE_TWO = {"plain", "rocket", "capital"}
URGENT, CALM = {"plain", "letter", "rocket", "slash", "capital"}, {"percent", "cross", "empty"}
CALLER = Principal.create(
    tenant="acme",
    user="pat",
    purpose="support",
    user_attributes={"regions": ["public", "", "%_o", "Set", "one"], "level": 2, "region": "one"},
    agent_attributes={"regions": []},
    declared=CALLERS,
)


@pytest.fixture(scope="module")
def rows(cluster: str) -> Iterator[HostileRows]:
    world = World([PAT, QUINN], [ACME, BARE, CASE], list(ROWS.values()))
    engine = create_engine(cluster, connect_args={"connect_timeout": 10})
    with engine.connect() as connection:
        yield HostileRows(connection, world)
    engine.dispose()


# A rule, the rows of which it is true, and those of which it is false; of the rest it is unknown.
CASES: list[tuple[str, set[str], set[str]]] = [
    # The constant comes first: the operator must not be turned round.
    ("3 <= ticket.priority", ABOVE_TWO, KNOWN - ABOVE_TWO),
    ("2 >= ticket.priority", KNOWN - ABOVE_TWO, ABOVE_TWO),
    ('"one" != ticket.title', KNOWN - {"plain"}, {"plain"}),
    ("1 < ticket.priority <= 3", {"letter", "rocket", "empty"},
     KNOWN - {"letter", "rocket", "empty"}),
    # One element, several, none that could match.
    ('ticket.title in ["one"]', {"plain"}, KNOWN - {"plain"}),
    ('ticket.requester_email in ["x", "a_b"]', {"letter", "cross"},
     {"plain", "rocket", "slash", "empty", "capital"}),
    ('not ticket.requester_email in ["x", "a_b"]', {"plain", "rocket", "slash", "empty", "capital"},
     {"letter", "cross"}),
    ('ticket.requester_email in ["x"]', {"letter"},
     {"plain", "cross", "rocket", "slash", "empty", "capital"}),
    # The caller's list, with an element that LIKE would read and one that differs by case.
    ("ticket.requester_email in user.regions", {"empty", "capital"},
     {"plain", "letter", "cross", "rocket", "slash"}),
    ("ticket.requester_email not in user.regions", {"plain", "letter", "cross", "rocket", "slash"},
     {"empty", "capital"}),
    # The caller's empty list: nothing is in it, not even what is missing.
    ("ticket.requester_email in agent.regions", set(), ALL),
    ("not ticket.requester_email in agent.regions", ALL, set()),
    # LIKE's wildcards, its escape and a character class are letters.
    ('startsWith(ticket.title, "100%")', {"percent"}, KNOWN - {"percent"}),
    ('contains(ticket.title, "a_b")', {"under"}, KNOWN - {"under"}),
    (r'endsWith(ticket.title, "\\")', {"slash"}, KNOWN - {"slash"}),
    ('keyMatch(ticket.title, "100%_*")', {"percent"}, KNOWN - {"percent"}),
    ('startsWith(ticket.title, "[o]ne")', set(), KNOWN),
    # Case counts, in equality and in each of the text tests.
    ('ticket.title == "One"', {"capital"}, KNOWN - {"capital"}),
    ('contains(ticket.title, "ne")', {"plain", "letter", "percent", "capital"},
     KNOWN - {"plain", "letter", "percent", "capital"}),
    ('startsWith(ticket.title, "o")', {"plain"}, KNOWN - {"plain"}),
    ('endsWith(ticket.title, "XBY")', set(), KNOWN),
    # Characters beyond ASCII and beyond 16 bits; the empty text is a value.
    ('ticket.title == "h\u00e9llo🚀"', {"rocket"}, KNOWN - {"rocket"}),
    ('ticket.title == "he\u0301llo🚀"', set(), KNOWN),
    ('ticket.title == ""', {"empty"}, KNOWN - {"empty"}),
    # Below zero, at zero, and numbers of two kinds.
    ("ticket.priority < -1", {"percent", "cross"}, KNOWN - {"percent", "cross"}),
    ("ticket.score >= 1.5", {"under"}, {"plain", "percent", "cross"}),
    ("ticket.score == 0.3", {"cross"}, {"plain", "percent", "under"}),
    ("ticket.score < ticket.priority", {"plain"}, {"percent", "under", "cross"}),
    # A truth alone, negated once, twice and three times.
    ("ticket.urgent", URGENT, CALM),
    ("not ticket.urgent", CALM, URGENT),
    ("not (not ticket.urgent)", URGENT, CALM),
    ("not (not (not ticket.urgent))", CALM, URGENT),
    ("not ticket.priority < 2", {"plain", "letter", "rocket", "empty", "capital"},
     {"percent", "under", "cross", "slash"}),
    ('not (ticket.urgent and ticket.title != "one")', {"plain", "percent", "cross", "empty"},
     {"letter", "rocket", "slash", "capital"}),
    ("ticket.urgent or ticket.priority < 0", {*URGENT, "percent", "cross"}, {"empty"}),
    ("not ticket.priority > 1", {"percent", "under", "cross", "slash"},
     {"plain", "letter", "rocket", "empty", "capital"}),
    # Three joined, and two kinds of condition.
    ('ticket.urgent and ticket.priority >= 0 and ticket.title != "one"',
     {"letter", "rocket", "slash", "capital"}, {"plain", "percent", "cross", "empty"}),
    ('ticket.urgent or "public" in ticket.tags', {*URGENT, "cross"}, {"percent", "empty"}),
    # What is missing is neither equal nor unequal to anything; null tests alone know.
    ('ticket.requester_email != "x"', {"plain", "cross", "rocket", "slash", "empty", "capital"},
     {"letter"}),
    ("ticket.requester_email == null", {"percent", "under", "none"},
     KNOWN - {"percent", "under"}),
    ("null != ticket.requester_email", KNOWN - {"percent", "under"}, {"percent", "under", "none"}),
    ("not (ticket.requester_email == null)", KNOWN - {"percent", "under"},
     {"percent", "under", "none"}),
    ("user.joined_at == null", ALL, set()),
    ("ticket.created_at < user.joined_at", set(), set()),
    ("not ticket.created_at < user.joined_at", set(), set()),
    # Two fields of the row, as a comparison and as a text test with letters that LIKE would read.
    ("ticket.title == ticket.requester_email", {"rocket", "empty"},
     {"plain", "letter", "cross", "slash", "capital"}),
    ("contains(ticket.title, ticket.requester_email)", {"rocket", "slash", "empty", "letter"},
     {"plain", "cross", "capital"}),
    ("not contains(ticket.title, ticket.requester_email)", {"plain", "cross", "capital"},
     {"rocket", "slash", "empty", "letter"}),
    ("startsWith(ticket.title, ticket.requester_email)", {"rocket", "empty"},
     {"plain", "letter", "cross", "slash", "capital"}),
    ("not startsWith(ticket.title, ticket.requester_email)",
     {"plain", "letter", "cross", "slash", "capital"}, {"rocket", "empty"}),
    ("endsWith(ticket.title, ticket.requester_email)", {"rocket", "slash", "empty"},
     {"plain", "letter", "cross", "capital"}),
    # The constant is searched in, the field is searched for.
    (r'contains("s100Xdone-tail\\one-end", ticket.title)', {"plain", "slash", "empty"},
     KNOWN - {"plain", "slash", "empty"}),
    ('startsWith("xaXby-tail", ticket.title)', {"cross", "empty"}, KNOWN - {"cross", "empty"}),
    ('endsWith("prefix-xaXby", ticket.title)', {"cross", "empty"}, KNOWN - {"cross", "empty"}),
    # Times that differ in their zone only; days before the moment; the moment first.
    ('ticket.created_at == "2026-03-01T01:00:00+01:00"', {"plain"}, {"percent", "letter", "cross"}),
    ('ticket.created_at != "2026-03-01T00:00:00Z"', {"percent", "letter", "cross"}, {"plain"}),
    ("ticket.created_at < daysAgo(0)", {"plain", "letter"}, {"percent", "cross"}),
    ("daysAgo(1) >= ticket.created_at", {"letter"}, {"plain", "percent", "cross"}),
    # Ids are compared as such.
    ('ticket.account == "00000000-0000-0000-0000-000000000007"', {"plain"}, set()),
    ('ticket.account != "00000000-0000-0000-0000-000000000007"', set(), {"plain"}),
    ("ticket.account == ticket.account", {"plain"}, set()),
    ("ticket.account == ticket.customer.account", set(), set()),
    # The row's own list: an element, a null among them, no elements, no list; one that is looked
    # for is not equal to it by case.
    ('"public" in ticket.tags', {"plain", "cross"},
     {"percent", "rocket", "slash", "empty", "capital"}),
    ('"public" not in ticket.tags', {"percent", "rocket", "slash", "empty", "capital"},
     {"plain", "cross"}),
    ("ticket.title in ticket.tags", {"rocket", "empty"},
     {"plain", "percent", "slash", "capital"}),
    ("ticket.tags == null", {"letter", "none"}, ALL - {"letter", "none"}),
    # Lists that overlap, with the caller's, with constants, either way round, negated.
    ("overlaps(ticket.tags, user.regions)", {"plain", "cross", "empty"},
     {"percent", "rocket", "slash", "capital"}),
    ("not overlaps(ticket.tags, user.regions)", {"percent", "rocket", "slash", "capital"},
     {"plain", "cross", "empty"}),
    ('overlaps(["public", "h\u00e9llo🚀", "%"], ticket.tags)', {"plain", "cross", "rocket"},
     {"percent", "slash", "empty", "capital"}),
    ("overlaps(ticket.tags, agent.regions)", set(), ALL - {"letter", "none"}),
    # One relation away: without a parent nothing is known, whatever is asked and however negated.
    ('ticket.customer.region == "one"', {"plain", "cross"}, {"letter", "slash"}),
    ('not ticket.customer.region == "one"', {"letter", "slash"}, {"plain", "cross"}),
    ("ticket.customer.vip", {"plain", "cross"}, {"percent", "rocket", "capital"}),
    ("not ticket.customer.vip", {"percent", "rocket", "capital"}, {"plain", "cross"}),
    ("ticket.customer.employees <= 2", {"plain", "cross"}, {"percent", "rocket", "capital"}),
    ('contains(ticket.customer.region, "ne")', {"plain", "cross", "letter", "slash"}, set()),
    ('not contains(ticket.customer.region, "ne")', set(), {"plain", "cross", "letter", "slash"}),
    # One thing if it is so and another if not: of an absent parent neither is so.
    ('("finance" in ticket.customer.labels and ticket.urgent)'
     ' or (not "finance" in ticket.customer.labels and not ticket.urgent)',
     {"plain", "percent"}, {"cross", "rocket", "capital"}),
    ("2 < ticket.customer.employees < 12", {"percent", "rocket", "capital"}, {"plain", "cross"}),
    ("ticket.customer.region == null", {"percent", "rocket", "capital"},
     {"plain", "cross", "letter", "slash"}),
    ("ticket.customer.region != null", {"plain", "cross", "letter", "slash"},
     {"percent", "rocket", "capital"}),
    ('not "finance" in ticket.customer.labels', {"percent", "rocket", "capital"},
     {"plain", "cross"}),
    ('not overlaps(ticket.customer.labels, ["finance"])', {"percent", "rocket", "capital"},
     {"plain", "cross"}),
    # Two relations away, where either link may be missing.
    ('startsWith(ticket.customer.owner.team, "100")', {"plain", "cross"}, set()),
    ("ticket.customer.owner.lead", {"plain", "cross"}, set()),
    ("ticket.customer.owner.team == null", {"letter", "slash"}, {"plain", "cross"}),
    ("ticket.customer.owner.team != null", {"plain", "cross"}, {"letter", "slash"}),
    ("not ticket.customer.owner.level < 3", set(), {"plain", "cross"}),
    ('ticket.urgent and contains(ticket.customer.region, "ne")', {"plain", "letter", "slash"},
     {"percent", "cross", "empty"}),
    ('ticket.customer.owner.lead or any(ticket.comments, comment.body == "private")',
     {"plain", "cross", "letter", "rocket"}, set()),
    # Any row below: none of no rows; a null is no witness, but hides whether there is one.
    ("any(ticket.comments, true)", ALL - {"percent", "none"}, {"percent", "none"}),
    ("not any(ticket.comments, true)", {"percent", "none"}, ALL - {"percent", "none"}),
    ('any(ticket.comments, comment.body == "public")', {"plain", "letter", "cross"},
     ALL - {"plain", "letter", "cross", "under"}),
    ('not any(ticket.comments, comment.body == "public")',
     ALL - {"plain", "letter", "cross", "under"}, {"plain", "letter", "cross"}),
    # All rows are so: none is not. A witness against it decides, also beside a null.
    ('not any(ticket.comments, comment.body != "public")', {"plain", "percent", "none"},
     {"letter", "rocket", "slash", "empty", "capital"}),
    ('not any(ticket.comments, not comment.body == "x")', {"percent", "none"},
     ALL - {"percent", "none", "under"}),
    # What is asked of a row below: of the caller, of a list, of a parent of it, of nothing at all.
    ("any(ticket.comments, comment.body in user.regions)", {"plain", "letter", "cross", "empty"},
     {"percent", "none", "rocket", "slash", "capital"}),
    ("any(ticket.comments, comment.author.lead)", {"plain"}, {"percent", "none"}),
    ("any(ticket.comments, comment.author.team == null)", {"cross"}, {"plain", "percent", "none"}),
    ("any(ticket.comments, user.level == 2)", ALL - {"percent", "none"}, {"percent", "none"}),
    ("any(ticket.comments, user.joined_at < now)", set(), {"percent", "none"}),
    ("any(ticket.comments, comment.body != comment.author.team)", {"plain"}, {"percent", "none"}),
    # Rows below rows below, and once more.
    ('any(ticket.comments, any(comment.reactions, any(reaction.flags, flag.reason == "spam")))',
     {"plain"}, ALL - {"plain", "rocket"}),
    ('not any(ticket.comments, any(comment.reactions, any(reaction.flags, flag.reason == "spam")))',
     ALL - {"plain", "rocket"}, {"plain"}),
    # A comment all of whose reactions were flagged so; one without reactions is such a comment.
    ("any(ticket.comments,"
     ' not any(comment.reactions, not any(reaction.flags, flag.reason == "spam")))',
     {"plain", "letter", "under", "cross", "empty", "capital"}, {"slash", "percent", "none"}),
    ('any(ticket.comments, any(comment.reactions, reaction.kind == "gold"))', {"plain", "rocket"},
     ALL - {"plain", "rocket", "slash"}),
    ('not any(ticket.comments, any(comment.reactions, reaction.kind == "gold"))',
     ALL - {"plain", "rocket", "slash"}, {"plain", "rocket"}),
    # Some comment has only reactions of weight: of no reactions all are.
    ("any(ticket.comments, not any(comment.reactions, reaction.weight < 1))",
     ALL - {"percent", "none", "rocket"}, {"percent", "none"}),
    # Below a parent: an absent parent is not one without rows.
    ('any(ticket.customer.invoices, invoice.state == "paid")', {"plain", "cross"},
     {"percent", "rocket", "capital"}),
    ('not any(ticket.customer.invoices, invoice.state == "paid")', {"percent", "rocket", "capital"},
     {"plain", "cross"}),
    ("not any(ticket.customer.invoices, true)", {"percent", "rocket", "capital"},
     {"plain", "cross", "letter", "slash"}),
    ("any(ticket.customer.invoices, true) or ticket.urgent", {*URGENT, "cross"}, {"percent"}),
    # What the caller decides for every row.
    ('purpose == "support"', ALL, set()),
    ("user.lead", set(), set()),
    ('user.name == "pat" and ticket.urgent', URGENT, CALM),
    # Deep mixtures.
    ('not ((ticket.urgent and (ticket.priority > 2 or startsWith(ticket.title, "100")))'
     ' or (not ticket.urgent and any(ticket.comments, comment.body == "public")))',
     {"percent", "slash", "empty"}, {"plain", "letter", "rocket", "capital", "cross"}),
]  # fmt: skip


@pytest.mark.parametrize(("when", "true", "false"), CASES, ids=[when for when, _, _ in CASES])
def test_a_hostile_shape(when: str, true: set[str], false: set[str], rows: HostileRows) -> None:
    expected = {name: name in true if name in true | false else None for name in NAMES}
    predicate = substitute(parse(when, TICKET, SPECS, CALLERS), CALLER.value)

    assert {NAMES[at]: value for at, value in rows.truths(predicate).items()} == expected
    assert {NAMES[at] for at in rows.ids(predicate)} == true
    assert {NAMES[at] for at in rows.ids(Not(predicate))} == false

    allowed, denied = _decided(f"allow: {when}"), _decided("allow: true", f"deny: {when}")
    assert allowed == true
    assert denied == false


def _decided(*rules: str) -> set[str]:
    """The rows that Casbin lets through."""
    lines = ["entity: ticket", "rules:"]
    for number, rule in enumerate(rules):
        effect, when = rule.split(": ", 1)
        quoted = when.replace("'", "''")
        lines.append(f"  - {{id: r{number}, effect: {effect}, when: '{quoted}'}}")
    policies = read_policies([("ticket.yaml", "\n".join(lines))], SPECS, CALLERS)
    snapshot = Snapshot(policies)
    return {name for name, row in ROWS.items() if snapshot.decide(CALLER, "ticket", row, NOW)}


@pytest.mark.parametrize(
    "when",
    [
        # Of an empty list, nothing; null among constants or in a list.
        "ticket.title in []",
        'ticket.title in ["x", null]',
        "null in ticket.tags",
        "overlaps(ticket.tags, [null])",
        # Arithmetic, with its divisions by zero and fractions.
        "ticket.priority + 1 > 2",
        "ticket.priority / ticket.priority > 0.5",
        "ticket.priority * 0.1 == 0.3",
        'ticket.title + ticket.region == "oneset"',
        "ticket.priority / -0.0 > 0",
        "ticket.priority % 2 == 1",
        '"ticket-" + ticket.region == ticket.title',
        "ticket.created_at < now - 1",
        # Casts, sizes, positions, regular expressions, members of an object.
        "int(ticket.title) > 50",
        'string(ticket.urgent) == "true"',
        "timestamp(ticket.title) < now",
        "size(ticket.tags) > 1",
        'hierarchy(ticket.region).overlaps(hierarchy("emea"))',
        "len(ticket.comments) == 0",
        'ticket.tags[0] == "public"',
        'matches(ticket.title, "^h")',
        'ticket.custom.inner == "one"',
        # Conditions that are values, and values that are conditions.
        "(1 if ticket.urgent else 0) > 0",
        'ticket.urgent == (ticket.title == "one")',
        "[c for c in ticket.comments]",
        "ticket.comments",
        "ticket.comments and ticket.urgent",
        'ticket.title == "one" if ticket.urgent else ticket.priority < 0',
        'exists_one(ticket.comments, comment.body == "public")',
        'ticket.tags == ["a"]',
        "has(ticket.title)",
        # A row of many without any, and the outer row inside it.
        'ticket.comments.body == "public"',
        "any(ticket.comments, comment.body == ticket.title)",
        "any(ticket.comments, contains(comment.body, ticket.title))",
        "any(ticket.comments, any(comment.reactions, comment.internal))",
        'all(ticket.comments, comment.body == "public")',
    ],
)
def test_a_shape_without_one_meaning_is_refused(when: str) -> None:
    with pytest.raises(RuleError):
        parse(when, TICKET, SPECS, CALLERS)

"""The rule language: what it accepts and means, and how it refuses everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policies import RuleError, parse
from index.predicate import (
    And,
    AnyRow,
    Attribute,
    Caller,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Or,
    Overlap,
    Predicate,
    TextTest,
    Truth,
)
from index.specs import EntitySpec, FieldSpec, FieldType, RelationSpec
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import TICKET

TITLE, STATUS, PRIORITY = Attribute(("title",)), Attribute(("status",)), Attribute(("priority",))
REGION = Attribute(("customer", "region"))
TAGS, REGIONS = Attribute(("tags",)), Caller("user", "regions")
INTERNAL = Comparison("==", Attribute(("internal",)), Constant(True))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        # Constants take the type of what they are compared with.
        ('ticket.status == "open"', Comparison("==", STATUS, Constant("open"))),
        ("ticket.priority >= -3", Comparison(">=", PRIORITY, Constant(-3))),
        ("ticket.score < 0.10", Comparison("<", Attribute(("score",)), Constant(Decimal("0.10")))),
        (
            'ticket.created_at > "2026-01-01T01:00:00+01:00"',
            Comparison(">", Attribute(("created_at",)), Constant(datetime(2026, 1, 1, tzinfo=UTC))),
        ),
        # The value may come first; the operator is not turned round.
        ("3 <= ticket.priority", Comparison("<=", Constant(3), PRIORITY)),
        # One step to a parent, and the caller.
        (
            "ticket.customer.region in user.regions",
            Membership(REGION, Caller("user", "regions")),
        ),
        (
            "user.name != agent.name",
            Comparison("!=", Caller("user", "name"), Caller("agent", "name")),
        ),
        ('purpose == "support"', Comparison("==", Caller("purpose"), Constant("support"))),
        ("ticket.due_at < now", Comparison("<", Attribute(("due_at",)), Now())),
        # Null tests are their own node, also of a caller's attribute.
        ("ticket.title == null", IsMissing(TITLE)),
        ("null != user.region", Not(IsMissing(Caller("user", "region")))),
        # A boolean stands alone.
        (
            "not ticket.urgent",
            Not(Comparison("==", Attribute(("urgent",)), Constant(True))),
        ),
        ("true", Truth(True)),
        # Lists: of texts as one list, of other types as comparisons.
        ('ticket.title in ["a", "b"]', Membership(TITLE, Constant(("a", "b")))),
        (
            "ticket.priority not in [1, 2]",
            Not(
                Or(
                    (
                        Comparison("==", PRIORITY, Constant(1)),
                        Comparison("==", PRIORITY, Constant(2)),
                    )
                )
            ),
        ),
        ('"vip" in ticket.tags', Membership(Constant("vip"), Attribute(("tags",)))),
        # Text tests, with quotes and a backslash in the text.
        (
            r"""contains(ticket.title, "it's \"50% \\ off\"")""",
            TextTest("contains", TITLE, Constant('it\'s "50% \\ off"')),
        ),
        # A pattern with `*` at its end is a beginning; one without it is the whole text.
        ('keyMatch(ticket.title, "a_b*")', TextTest("startsWith", TITLE, Constant("a_b"))),
        ('keyMatch(user.name, "bob")', Comparison("==", Caller("user", "name"), Constant("bob"))),
        ('keyMatch(ticket.status, "open")', Comparison("==", STATUS, Constant("open"))),
        # Lists that share an element; one may be written out.
        ("overlaps(ticket.tags, user.regions)", Overlap(TAGS, REGIONS)),
        ('overlaps(["a", "b"], ticket.tags)', Overlap(Constant(("a", "b")), TAGS)),
        # Two comparisons in one.
        (
            "-1 <= ticket.priority < 5",
            And((Comparison("<=", Constant(-1), PRIORITY), Comparison("<", PRIORITY, Constant(5)))),
        ),
        (
            "now > ticket.due_at >= daysAgo(30)",
            And(
                (
                    Comparison(">", Now(), Attribute(("due_at",))),
                    Comparison(">=", Attribute(("due_at",)), Now(-30)),
                )
            ),
        ),
        # Whole days before and after the moment of the request.
        ("ticket.due_at < daysAhead(7)", Comparison("<", Attribute(("due_at",)), Now(7))),
        ("ticket.due_at < daysAgo(0)", Comparison("<", Attribute(("due_at",)), Now(0))),
        # Several relations to one row, one after the other.
        (
            "ticket.customer.owner.team == user.region",
            Comparison("==", Attribute(("customer", "owner", "team")), Caller("user", "region")),
        ),
        ("ticket.customer.owner.team == null", IsMissing(Attribute(("customer", "owner", "team")))),
        # Any row of a relation to many, which goes by its entity's name inside.
        ("any(ticket.comments, comment.internal)", AnyRow(("comments",), INTERNAL)),
        ("not any(ticket.comments, true)", Not(AnyRow(("comments",), Truth(True)))),
        (
            'any(ticket.customer.invoices, invoice.state == "paid" and user.lead)',
            AnyRow(
                ("customer", "invoices"),
                And(
                    (
                        Comparison("==", Attribute(("state",)), Constant("paid")),
                        Comparison("==", Caller("user", "lead"), Constant(True)),
                    )
                ),
            ),
        ),
        # What is asked of that row may lead on, and look at rows below it in turn.
        (
            "any(ticket.comments, comment.author.lead"
            ' or any(comment.reactions, reaction.kind == "x"))',
            AnyRow(
                ("comments",),
                Or(
                    (
                        Comparison("==", Attribute(("author", "lead")), Constant(True)),
                        AnyRow(
                            ("reactions",), Comparison("==", Attribute(("kind",)), Constant("x"))
                        ),
                    )
                ),
            ),
        ),
        # Characters that mean something outside quotes mean nothing inside.
        ('ticket.title == "a; b # c && d"', Comparison("==", TITLE, Constant("a; b # c && d"))),
        # `and` binds tighter than `or`; space and a newline around the rule do not matter.
        (
            ' true or ticket.urgent and ticket.status == "open"\n',
            Or(
                (
                    Truth(True),
                    And(
                        (
                            Comparison("==", Attribute(("urgent",)), Constant(True)),
                            Comparison("==", STATUS, Constant("open")),
                        )
                    ),
                )
            ),
        ),
    ],
)
def test_a_rule_means(text: str, meaning: Predicate) -> None:
    assert parse(text, TICKET, SPECS, CALLERS) == meaning


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        # Typos, with the nearest valid name.
        ('ticket.statsu == "open"', 8, "did you mean `status`?"),
        ('tickt.status == "open"', 1, "did you mean `ticket`?"),
        ('ticket.custmer.region == "x"', 8, "did you mean `customer`?"),
        ('ticket.customer.regoin == "x"', 17, "did you mean `region`?"),
        ('user.regoin == "x"', 6, "did you mean `region`?"),
        ('ticket.status == "Open"', 1, 'did you mean "open"?'),
        ('startswith(ticket.title, "a")', 1, "did you mean startsWith?"),
        ('status == "open"', 1, "write `ticket.status`"),
        ('customer.region == "emea"', 1, "write `ticket.customer`"),
        ("level == 2", 1, "write `user.level`"),
        # Columns count characters, not bytes.
        ('ticket.title == "日本" and ticket.statsu == "x"', 33, "did you mean `status`?"),
        # Names that are no values.
        ("ticket", 1, "name a field of it"),
        ("ticket.customer == null", 8, "`customer` is a customer, not a value"),
        ("ticket.comments == null", 8, "leads to many rows"),
        ('ticket.comments.body == "x"', 8, "leads to many rows"),
        ('ticket.customer.owner.name.x == "x"', 28, "has no parts"),
        ('ticket.customer.owner.nmae == "x"', 23, "did you mean `name`?"),
        ('ticket.customer.ownr.name == "x"', 17, "did you mean `owner`?"),
        ("ticket.customer.owner == null", 17, "name a field of it: `ticket.customer.owner.…`"),
        ('ticket.customer.invoices.state == "x"', 17, "any(ticket.customer.invoices, …)"),
        ("ticket" + ".customer" * 9 + '.x == "x"', 17, "no relation `customer`"),
        ("ticket.title.length == 5", 14, "has no parts"),
        ('user == "bob"', 1, "`user.name`"),
        ('purpose.name == "x"', 9, "has no parts"),
        ("now.year == 2026", 5, "has no parts"),
        # Types.
        ("ticket.title == 5", 1, "expected text, not a whole number"),
        ("ticket.title == true", 1, "expected text, not true or false"),
        ('ticket.priority == "high"', 1, "expected a whole number, not text"),
        ("ticket.priority == true", 1, "expected a whole number, not true or false"),
        ("ticket.priority == 1.5", 1, "expected a whole number, not a decimal number"),
        ("ticket.priority > 9223372036854775808", 1, "the whole number is outside"),
        ("ticket.score > 1" + "0" * 120, 1, "more than 100 digits"),
        ("ticket.title == ticket.priority", 1, "not comparable"),
        ("ticket.account == ticket.title", 1, "not comparable"),
        ('ticket.account == "12"', 1, "expected an id"),
        ('ticket.status < "open"', 1, "has no order"),
        ("ticket.urgent > true", 1, "has no order"),
        ("ticket.account > user.account", 1, "has no order"),
        ('ticket.tags == "vip"', 1, "write `… in ticket.tags`"),
        ("ticket.tags in user.regions", 1, "write overlaps(ticket.tags, user.regions)"),
        ('ticket.tags in ["vip"]', 1, "write overlaps(ticket.tags, [...])"),
        ("ticket.priority in user.regions", 1, "only one text stands before `in`"),
        ("5 in ticket.tags", 1, "only one text stands before `in`"),
        ("ticket.total > 100", 1, "amounts of money"),
        ("ticket.total == null", 1, "amounts of money"),
        ("ticket.total in [1]", 1, "amounts of money"),
        ('ticket.created_at < "2026-01-01"', 1, "the time needs its zone"),
        ('ticket.created_at < "yesterday"', 1, "expected a time such as"),
        # Null and constants.
        ("ticket.title == None", 17, "write `null` instead of `None`"),
        ("ticket.title is null", 1, "write `==` or `!=`"),
        ("ticket.priority >= null", 1, "null can be compared only"),
        ("null == null", 1, "both sides are constants"),
        ("null", 1, "this is a value, not a condition"),
        ('"open"', 1, "this is a value, not a condition"),
        ("ticket.title", 1, "is text, not true or false"),
        # Lists.
        ("ticket.title in []", 1, "the list is empty"),
        ('ticket.title in ["a", null]', 23, "null is in no list"),
        ("null in ticket.tags", 1, "null is in no list"),
        ('"a" in ["a"]', 1, "not a constant"),
        ('ticket.title in ["a" "b"]', 22, "two texts stand side by side"),
        ('ticket.title in ("a", "b")', 17, "write brackets"),
        ('ticket.title in ["a", ticket.region]', 23, "holds constants only"),
        ('ticket.title in "abc"', 1, "after `in` stands a list"),
        ("ticket.title in ticket.region", 1, "write contains(ticket.region, …)"),
        ('ticket.status in ["open", "shut"]', 1, "expected one of open, pending, closed"),
        ('ticket.title == ["a"]', 1, "only after `in`"),
        # Functions.
        ('startsWith("a", "b")', 1, "both texts are constants"),
        ("startsWith(ticket.title)", 1, "takes two texts"),
        ("startsWith(ticket.title, 1)", 26, "takes texts"),
        ('startsWith(ticket.priority, "1")', 12, "is a whole number; startsWith takes texts"),
        ('contains(ticket.tags, "vip")', 10, "write `… in ticket.tags`"),
        ('contains(ticket.title, "")', 1, "every text contains the empty one"),
        ('regexMatch(ticket.title, "(a+)+$")', 1, "other than startsWith, endsWith, contains"),
        ("hasAny(ticket.tags, user.regions)", 1, "keyMatch, overlaps, any cannot be used"),
        ('keyMatch("abc*", ticket.title)', 1, "only the second one is a constant"),
        ("keyMatch(ticket.title, user.name)", 1, "only the second one is a constant"),
        ("keyMatch(ticket.title, 5)", 24, "the pattern stands in quotes"),
        ('keyMatch(ticket.title, "*")', 24, "every text matches this pattern"),
        ('keyMatch(ticket.title, "a*b")', 24, "one `*` at most, as its last character"),
        ('keyMatch(ticket.title, "a**")', 24, "one `*` at most, as its last character"),
        ('keyMatch(ticket.priority, "1*")', 10, "is a whole number; keyMatch takes texts"),
        ('keyMatch(ticket.status, "Open")', 1, 'did you mean "open"?'),
        ('keymatch(ticket.title, "a*")', 1, "did you mean keyMatch?"),
        ("overlaps(ticket.tags)", 1, "overlaps takes two lists"),
        ('overlaps(ticket.tags, "vip")', 23, "overlaps takes two lists"),
        ('overlaps(ticket.title, ["a"])', 10, "is text, not a list; write `ticket.title in …`"),
        ('overlaps(["a"], ["a"])', 1, "both lists are constants"),
        ("overlaps(ticket.tags, [])", 23, "the list is empty"),
        ("overlaps(ticket.tags, [5])", 23, "overlaps takes lists of texts; 5 is none"),
        ("ticket.due_at < daysAgo(-1)", 17, "a whole number of days, up to 36500"),
        ("ticket.due_at < daysAgo(36501)", 17, "a whole number of days, up to 36500"),
        ("ticket.due_at < daysAgo(1.5)", 17, "a whole number of days, up to 36500"),
        ("ticket.due_at < daysAgo(true)", 17, "a whole number of days, up to 36500"),
        ("ticket.due_at < daysAgo(ticket.priority)", 17, "a whole number of days"),
        ("ticket.due_at < daysAgo(0x10)", 17, "a whole number of days"),
        ("ticket.due_at < daysago(3)", 17, "did you mean daysAgo?"),
        ("daysAgo(3)", 1, "is a time, not true or false"),
        ("daysAgo(3) < now", 1, "both sides are moments of the request"),
        ("ticket.title == daysAgo(3)", 1, "not comparable"),
        # Any: a relation to many rows, and a condition that reads nothing but them.
        ("any(ticket.comments)", 1, "any takes a relation to many rows and a condition"),
        ("any(comment.internal for comment in ticket.comments)", 1, "any takes a relation"),
        ("any(ticket.customer, true)", 12, "leads to one row; write its field directly"),
        ("any(ticket.tags, true)", 12, "`tags` is a value"),
        ("any(ticket.commnts, true)", 12, "did you mean `comments`?"),
        ("any(ticket.comments.reactions, true)", 12, "any(ticket.comments, …)"),
        ("any(ticket, true)", 5, "such as any(ticket.comments, …)"),
        ("any(user.regions, true)", 5, "write `… in user.regions`"),
        ("any(tickets.comments, true)", 5, "did you mean `ticket`?"),
        ('any("x", true)', 5, "a part of a constant"),
        ("any(ticket.comments, ticket.urgent)", 22, "`ticket` is the row outside"),
        ("any(ticket.comments, internal)", 22, "write `comment.internal`"),
        ("any(ticket.comments, reaction.kind == null)", 22, "begins with `comment.`"),
        ("any(ticket.comments, comment.internl)", 30, "did you mean `internal`?"),
        ("any(ticket.comments, 5)", 22, "this is a value, not a condition"),
        ("any(ticket.comments, true) == true", 1, "any(…) is true or false already"),
        # A chain goes one way.
        ("1 < ticket.priority > 5", 1, "`1 < ticket.priority and ticket.priority > 5`"),
        ("1 == ticket.priority == 5", 1, "only `<` and `<=`, or only `>` and `>=`"),
        ("1 < ticket.priority in [2]", 1, "only `<` and `<=`, or only `>` and `>=`"),
        ("1 < 2 < ticket.priority", 1, "both sides are constants"),
        ("1 < ticket.priority < ticket.title", 5, "not comparable"),
        ("(ticket.urgent == true) == true", 2, "a comparison inside another one"),
        # Other languages' operators, with ours.
        ('ticket.title = "a"', 14, "write `==`"),
        ('ticket.title <> "a"', 14, "write `!=`"),
        ('ticket.title == "a" && true', 21, "write `and`"),
        ('ticket.title == "a" || true', 21, "write `or`"),
        ("!ticket.urgent", 1, "write `not`"),
        ("ticket.urgent AND true", 15, "write `and` in small letters"),
        ('ticket.title LIKE "a%"', 14, "write startsWith"),
        # Everything else that Python can say.
        ("ticket.priority - 1 > 2", 1, "arithmetic cannot be used"),
        ("-ticket.priority > 2", 1, "a sign before anything but a number"),
        ("9**9**9 > ticket.priority", 2, "arithmetic and wildcards"),
        ("ticket.urgent if true else false", 1, "`if … else` cannot be used"),
        ("[x for x in ticket.tags]", 1, "a loop cannot be used"),
        ('ticket.tags[0] == "a"', 1, "a position in brackets"),
        ("lambda: true", 7, "`:` cannot be used"),
        ("(yield)", 2, "`yield` cannot be used"),
        ('"a".upper() == ticket.title', 1, "a function call cannot be used"),
        ("ticket.priority == 0x10", 20, "plain digits"),
        ("ticket.priority == 1_000", 20, "plain digits"),
        ("ticket.score > 1e5", 16, "plain digits"),
        ("ticket.priority == 1j", 20, "plain digits"),
        ('ticket.from == "a"', 8, "a field named `from`"),
        # Attempts to break out of a matcher, call methods, or reach Python.
        ("1==2) or (True", 5, "opened or closed once too often"),
        ("True) #", 7, "comments cannot be used"),
        ("True); (True", 6, "a rule is one condition"),
        ('ticket.title == "a" # or', 21, "comments cannot be used"),
        ('ticket.update(role="admin") or false', 19, "write `==`"),
        ("ticket.delete()", 1, "function calls other than"),
        ('ticket.__class__ == "x"', 8, "no field `__class__`"),
        ('__import__("os").system("id")', 1, "function calls other than"),
        # Texts that are not what they look like.
        ('ticket.title == "a', 17, "this quote is never closed"),
        ("ticket.title == “a”", 17, "write straight ones"),
        (r'ticket.title == "a\n"', 19, "a backslash may stand only before"),
        (r'ticket.title == "\x00"', 18, "a backslash may stand only before"),
        ('ticket.title == r"a"', 17, "a letter directly before a quote"),
        ('ticket.title == f"{user.name}"', 17, "a letter directly before a quote"),
        ('ticket.title == """a"""', 19, "two texts stand side by side"),
        ('ticket.title == "a"\nor true', 20, "stands on one line"),
        ('ticket.title == "a\0"', 19, "the invisible character U+0000"),
        ('ticket.title == "a\u202eb"', 19, "the invisible character U+202E"),
        ('ticket\u200b.title == "a"', 7, "the invisible character U+200B"),
        ('tіcket.title == "a"', 2, "cyrillic small letter"),
        ('ticket.title\u00a0== "a"', 13, "no-break space"),
        ('ticket.ﬁeld == "a"', 8, "latin small ligature fi"),
        # Size and shape.
        ("", 1, "the condition is empty"),
        ("   ", 1, "the condition is empty"),
        ("(ticket.urgent", 1, "opened or closed once too often"),
        ('ticket.title == "' + "a" * 2000 + '"', 2001, "more than 2000 characters"),
        ("not " * 40 + "ticket.urgent", 105, "nested too deeply"),
        ("(" * 900 + "ticket.urgent" + ")" * 900, 201, "nested too deeply"),
    ],
)
def test_a_rule_is_refused(text: str, column: int, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text, TICKET, SPECS, CALLERS)

    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (1, column)


def test_the_message_points_at_the_place() -> None:
    with pytest.raises(RuleError) as caught:
        parse('ticket.urgent and ticket.statsu == "open"', TICKET, SPECS, CALLERS)

    assert str(caught.value).splitlines() == [
        "column 26: ticket has no field `statsu`; did you mean `status`?",
        '    ticket.urgent and ticket.statsu == "open"',
        "                             ^",
    ]


@pytest.mark.parametrize("text", ['user.region == "emea"', "agent.name == null", 'purpose == "x"'])
def test_a_segment_cannot_depend_on_who_asks(text: str) -> None:
    with pytest.raises(RuleError, match="holds for everyone alike"):
        parse(text, TICKET, SPECS, {})


def test_an_entity_named_like_a_root_is_written_row() -> None:
    email = FieldSpec(name="email", type=FieldType.TEXT)
    user = EntitySpec(name="user", fields={"email": email})

    rule = parse("row.email == user.name", user, {"user": user}, CALLERS)

    assert rule == Comparison("==", Attribute(("email",)), Caller("user", "name"))


def test_entities_that_lead_round_in_a_circle() -> None:
    one = RelationSpec(name="parent", target="node", kind="one", column="parent_id")
    many = RelationSpec(name="children", target="node", kind="many", column="parent_id")
    name = FieldSpec(name="name", type=FieldType.TEXT)
    node = EntitySpec(
        name="node", fields={"name": name}, relations={"parent": one, "children": many}
    )

    def means(text: str) -> Predicate:
        return parse(text, node, {"node": node}, CALLERS)

    # Inside, the name is that of the inner row.
    assert means('any(node.children, node.name == "x")') == AnyRow(
        ("children",), Comparison("==", Attribute(("name",)), Constant("x"))
    )
    assert means("node" + ".parent" * 8 + ".name == null")
    with pytest.raises(RuleError, match="can follow 8 relations"):
        means("node" + ".parent" * 9 + ".name == null")
    assert means("any(node.children, " * 3 + "true" + ")" * 3)
    with pytest.raises(RuleError, match="nested 3 deep"):
        means("any(node.children, " * 4 + "true" + ")" * 4)


_WORDS = [
    *".,()[]<\"'\\#;&é:={}@*", "ticket", "title", "status", "customer", "region", "user", "now",
    "null", "true", "not", "and", "or", "in", "==", "a", "1", "-1", "1.5", "startsWith", "any",
    "if", "lambda", "is", "__",
]  # fmt: skip


@given(
    st.lists(st.sampled_from([*_WORDS, "\n", "\0"]), max_size=25).map(" ".join)
    | st.lists(st.sampled_from(_WORDS), max_size=25).map("".join)
    | st.text(max_size=60)
)
def test_any_text_is_a_predicate_or_refused(text: str) -> None:
    column = 1
    try:
        parse(text, TICKET, SPECS, CALLERS)
    except RuleError as error:
        column = error.column
    assert 1 <= column <= max(len(text), 1)

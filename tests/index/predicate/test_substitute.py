"""What is left of a predicate once the caller is known."""

from __future__ import annotations

import pytest

from index.predicate import (
    ALWAYS,
    NEVER,
    UNKNOWN,
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
    Value,
    any_rows,
    attributes,
    callers,
    every_attribute,
    substitute,
    where_not_false,
    where_true,
)
from tests.index.predicate.hostile import NOW

REGION, TITLE = Attribute(("customer", "region")), Attribute(("title",))
HERE = Comparison("==", REGION, Constant("emea"))
THERE = Comparison("==", REGION, Constant("apac"))
USER_REGION, USER_REGIONS = Caller("user", "region"), Caller("user", "regions")
KNOWN: dict[Caller, Value] = {USER_REGION: "emea", USER_REGIONS: ("emea",)}
TAGS = Attribute(("tags",))
BODY = Attribute(("body",))
EMPTY: dict[Caller, Value] = {USER_REGIONS: ()}


@pytest.mark.parametrize(
    ("predicate", "known", "left"),
    [
        (Comparison("==", REGION, USER_REGION), KNOWN, HERE),
        # A missing attribute is unknown: it never becomes a null test of the row.
        (Comparison("==", REGION, USER_REGION), {}, UNKNOWN),
        (Comparison("!=", REGION, USER_REGION), {}, UNKNOWN),
        (TextTest("startsWith", TITLE, USER_REGION), {}, UNKNOWN),
        (Membership(REGION, USER_REGIONS), {}, UNKNOWN),
        # A null test of the caller is decided; one of the row stays.
        (IsMissing(USER_REGION), {}, ALWAYS),
        (IsMissing(USER_REGION), KNOWN, NEVER),
        (IsMissing(Now()), {}, NEVER),
        (IsMissing(REGION), {}, IsMissing(REGION)),
        # An empty list contains nothing.
        (Membership(REGION, USER_REGIONS), EMPTY, NEVER),
        (Not(Membership(REGION, USER_REGIONS)), EMPTY, ALWAYS),
        # A missing item decides nothing yet: the row's list may be empty.
        (
            Membership(USER_REGION, Attribute(("tags",))),
            {},
            Membership(Constant(None), Attribute(("tags",))),
        ),
        # What only the caller decides is decided.
        (Comparison("==", USER_REGION, Constant("emea")), KNOWN, ALWAYS),
        (Membership(USER_REGION, USER_REGIONS), KNOWN, ALWAYS),
        (TextTest("endsWith", USER_REGION, Constant("x")), KNOWN, NEVER),
        # Lists of the caller; an empty one decides nothing yet, as the row's may be missing.
        (Overlap(TAGS, USER_REGIONS), {}, UNKNOWN),
        (Overlap(TAGS, USER_REGIONS), KNOWN, Overlap(TAGS, Constant(("emea",)))),
        (Overlap(TAGS, USER_REGIONS), EMPTY, Overlap(TAGS, Constant(()))),
        (Overlap(Constant(("emea", "x")), USER_REGIONS), KNOWN, ALWAYS),
        # Inside any; what is unknown or false of every row is still about rows that may not be.
        (
            AnyRow(("comments",), Comparison("==", BODY, USER_REGION)),
            KNOWN,
            AnyRow(("comments",), Comparison("==", BODY, Constant("emea"))),
        ),
        (
            AnyRow(("comments",), Comparison("==", BODY, USER_REGION)),
            {},
            AnyRow(("comments",), UNKNOWN),
        ),
        (
            AnyRow(("comments",), Membership(BODY, USER_REGIONS)),
            EMPTY,
            AnyRow(("comments",), NEVER),
        ),
        # The moment of the request stays open.
        (Comparison("<", Now(), Constant(NOW)), {}, Comparison("<", Now(), Constant(NOW))),
        # Joints are flattened, repeated parts dropped, deciding parts decide.
        (And((HERE, And((THERE, HERE)), ALWAYS)), {}, And((HERE, THERE))),
        (Or((HERE, Or((HERE, NEVER)))), {}, HERE),
        (And((HERE, NEVER)), {}, NEVER),
        (Or((HERE, ALWAYS, UNKNOWN)), {}, ALWAYS),
        (And((HERE, UNKNOWN)), {}, And((HERE, UNKNOWN))),
        (And(()), {}, ALWAYS),
        (Not(Not(HERE)), {}, HERE),
    ],
)
def test_substitute(predicate: Predicate, known: dict[Caller, Value], left: Predicate) -> None:
    assert substitute(predicate, known.get) == left


@pytest.mark.parametrize(
    ("predicate", "true", "not_false"),
    [
        (UNKNOWN, NEVER, ALWAYS),
        # A filter keeps nothing of `unknown and x`; something else than false is left of it.
        (And((UNKNOWN, HERE)), NEVER, HERE),
        (Or((UNKNOWN, HERE)), HERE, ALWAYS),
        # Under `not` the two change places.
        (Not(And((UNKNOWN, HERE))), Not(HERE), ALWAYS),
        (Not(Or((UNKNOWN, HERE))), NEVER, Not(HERE)),
        (HERE, HERE, HERE),
        # No row has a comment that is never so.
        (AnyRow(("comments",), UNKNOWN), NEVER, AnyRow(("comments",), ALWAYS)),
        (AnyRow(("comments",), NEVER), NEVER, AnyRow(("comments",), NEVER)),
        (
            Not(AnyRow(("comments",), And((UNKNOWN, HERE)))),
            Not(AnyRow(("comments",), HERE)),
            ALWAYS,
        ),
        # No list overlaps an empty one, though it is not false of one that is missing.
        (Overlap(TAGS, Constant(())), NEVER, Overlap(TAGS, Constant(()))),
    ],
)
def test_what_a_filter_needs(predicate: Predicate, true: Predicate, not_false: Predicate) -> None:
    assert where_true(predicate) == true
    assert where_not_false(predicate) == not_false


def test_what_a_predicate_reads() -> None:
    name = Comparison("==", Attribute(("author", "name")), Caller("agent"))
    inner = AnyRow(("comments",), And((IsMissing(BODY), AnyRow(("reactions",), name))))
    predicate = Or(
        (
            Not(And((HERE, IsMissing(TITLE)))),
            Membership(USER_REGION, Constant(("a",))),
            TextTest("contains", TITLE, Caller("purpose")),
            ALWAYS,
            Overlap(TAGS, USER_REGIONS),
            inner,
        )
    )

    assert attributes(predicate) == {("customer", "region"), ("title",), ("tags",)}
    assert any_rows(predicate) == {inner}
    assert every_attribute(predicate) == {
        *attributes(predicate),
        ("comments", "body"),
        ("comments", "reactions", "author", "name"),
    }
    assert callers(predicate) == {USER_REGION, USER_REGIONS, Caller("purpose"), Caller("agent")}

"""What is left of a predicate once the caller is known."""

from __future__ import annotations

import pytest

from index.predicate import (
    ALWAYS,
    NEVER,
    UNKNOWN,
    And,
    Attribute,
    Caller,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Or,
    Predicate,
    TextTest,
    Value,
    attributes,
    callers,
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
    ],
)
def test_what_a_filter_needs(predicate: Predicate, true: Predicate, not_false: Predicate) -> None:
    assert where_true(predicate) == true
    assert where_not_false(predicate) == not_false


def test_what_a_predicate_reads() -> None:
    predicate = Or(
        (
            Not(And((HERE, IsMissing(TITLE)))),
            Membership(USER_REGION, Constant(("a",))),
            TextTest("contains", TITLE, Caller("purpose")),
            ALWAYS,
        )
    )

    assert attributes(predicate) == {("customer", "region"), ("title",)}
    assert callers(predicate) == {USER_REGION, Caller("purpose")}

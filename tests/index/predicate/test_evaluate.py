"""The three values of a predicate in Python."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

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
    evaluate,
)
from tests.index.predicate.hostile import NOW

TITLE, TAGS, REGION = Attribute(("title",)), Attribute(("tags",)), Attribute(("customer", "region"))
TEAM = Attribute(("customer", "owner", "team"))
INTERNAL = Comparison("==", Attribute(("internal",)), Constant(True))
ANY_INTERNAL = AnyRow(("comments",), INTERNAL)
ANY_UNPAID = AnyRow(("customer", "invoices"), Comparison("!=", TITLE, Constant("paid")))
MISSING = Constant(None)


@pytest.mark.parametrize(
    ("predicate", "row", "value"),
    [
        # A missing side makes a comparison unknown, both missing too.
        (Comparison("==", TITLE, Constant("a")), {"title": None}, None),
        (Comparison("!=", TITLE, Constant("a")), {"title": None}, None),
        (Comparison("==", TITLE, MISSING), {"title": None}, None),
        # A field that is not there is missing, and so is every field of a missing parent.
        (Comparison("==", TITLE, Constant("a")), {}, None),
        (Comparison("==", REGION, Constant("emea")), {"customer": None}, None),
        (Comparison("==", REGION, Constant("emea")), {}, None),
        (IsMissing(REGION), {"customer": {"region": None}}, True),
        # ... but nothing is known of a parent that is absent, not even that a field is missing.
        (IsMissing(REGION), {"customer": None}, None),
        (IsMissing(REGION), {}, None),
        (IsMissing(TITLE), {"title": ""}, False),
        # The same two relations away, whichever link is missing.
        (Comparison("==", TEAM, Constant("a")), {"customer": {"owner": {"team": "a"}}}, True),
        (Comparison("==", TEAM, Constant("a")), {"customer": {"owner": None}}, None),
        (Comparison("==", TEAM, Constant("a")), {"customer": None}, None),
        (IsMissing(TEAM), {"customer": {"owner": {"team": None}}}, True),
        (IsMissing(TEAM), {"customer": {"owner": None}}, None),
        (IsMissing(TEAM), {"customer": None}, None),
        # Any: a row that is so decides, then one that might be; of no rows none is.
        (ANY_INTERNAL, {"comments": ()}, False),
        (ANY_INTERNAL, {"comments": [{"internal": False}, {"internal": True}]}, True),
        (ANY_INTERNAL, {"comments": [{"internal": None}, {"internal": True}]}, True),
        (ANY_INTERNAL, {"comments": [{"internal": False}, {"internal": None}]}, None),
        (ANY_INTERNAL, {"comments": [{"internal": False}]}, False),
        (Not(ANY_INTERNAL), {"comments": []}, True),
        (AnyRow(("comments",), NEVER), {"comments": [{}]}, False),
        (AnyRow(("comments",), ALWAYS), {"comments": []}, False),
        # Nothing is known of the rows of a parent that is absent, nor of rows that are not given.
        (ANY_UNPAID, {"customer": {"invoices": [{"title": "draft"}]}}, True),
        (ANY_UNPAID, {"customer": {"invoices": []}}, False),
        (ANY_UNPAID, {"customer": None}, None),
        (ANY_INTERNAL, {}, None),
        # An any inside an any reads the rows of the inner one.
        (
            AnyRow(("tickets",), ANY_INTERNAL),
            {"internal": True, "tickets": [{"comments": []}, {"comments": [{"internal": True}]}]},
            True,
        ),
        # Code points decide the order: "Z" comes before "a", "é" after "z".
        (Comparison("<", Constant("Z"), TITLE), {"title": "a"}, True),
        (Comparison(">", Constant("é"), TITLE), {"title": "z"}, True),
        # An empty collection contains nothing, not even a missing item.
        (Membership(MISSING, TAGS), {"tags": ()}, False),
        (Membership(TITLE, Constant(())), {"title": None}, False),
        (Membership(TITLE, TAGS), {"title": None, "tags": ("a",)}, None),
        (Membership(TITLE, TAGS), {"title": "a", "tags": None}, None),
        # A missing element might have been the one.
        (Membership(TITLE, TAGS), {"title": "a", "tags": ("b", None)}, None),
        (Membership(TITLE, TAGS), {"title": "b", "tags": ("b", None)}, True),
        # Lists overlap in an element that both have. An empty one overlaps nothing, but a missing
        # one might; so might an element that is missing, unless there is nothing to match it.
        (Overlap(TAGS, Constant(("a", "b"))), {"tags": ("b", "c")}, True),
        (Overlap(TAGS, Constant(("a", "b"))), {"tags": ("c",)}, False),
        (Overlap(TAGS, Constant(("a",))), {"tags": ()}, False),
        (Overlap(TAGS, Constant(())), {"tags": (None,)}, False),
        (Overlap(TAGS, Constant(())), {"tags": None}, None),
        (Overlap(Constant(("a",)), TAGS), {"tags": ("b", None)}, None),
        (Overlap(Constant(("a",)), TAGS), {"tags": ("a", None)}, True),
        (Overlap(TAGS, TAGS), {"tags": (None,)}, None),
        (Overlap(TAGS, MISSING), {"tags": ()}, None),
        # Days are counted from the moment of the request.
        (Comparison("<", Now(-1), Now()), {}, True),
        (Comparison("==", Now(-90), Constant(NOW - timedelta(days=90))), {}, True),
        (Comparison(">", Now(7), Constant(NOW + timedelta(days=7))), {}, False),
        # Text tests know no wildcards; the empty text is in every text.
        (TextTest("startsWith", TITLE, Constant("a_")), {"title": "ab"}, False),
        (TextTest("contains", TITLE, Constant("%")), {"title": "ab"}, False),
        (TextTest("endsWith", TITLE, Constant("")), {"title": "ab"}, True),
        (TextTest("contains", TITLE, MISSING), {"title": "ab"}, None),
        # Kleene: what is known may decide, wherever it stands.
        (And((UNKNOWN, NEVER)), {}, False),
        (And((NEVER, UNKNOWN)), {}, False),
        (And((UNKNOWN, ALWAYS)), {}, None),
        (Or((UNKNOWN, ALWAYS)), {}, True),
        (Or((UNKNOWN, NEVER)), {}, None),
        (Not(UNKNOWN), {}, None),
        (And(()), {}, True),
        (Or(()), {}, False),
    ],
)
def test_value(predicate: Predicate, row: dict[str, Any], value: bool | None) -> None:
    assert evaluate(predicate, row, None, NOW) is value


@pytest.mark.parametrize(
    ("predicate", "row"),
    [
        # Python would answer these; Postgres would not.
        (Comparison("==", TITLE, Constant("7")), {"title": 7}),
        (Comparison("==", TITLE, Constant(1)), {"title": True}),
        (Comparison("==", TITLE, Constant("a")), {"title": b"a"}),
        (Comparison("<", TITLE, Constant(1)), {"title": 0.5}),
        (Comparison("<", TITLE, Constant(NOW)), {"title": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (Membership(Constant("a"), TAGS), {"tags": "abc"}),
        (Membership(TITLE, TAGS), {"title": 7, "tags": ("a",)}),
        (TextTest("startsWith", TITLE, Constant("a")), {"title": 7}),
        (Comparison("==", REGION, Constant("a")), {"customer": "acme"}),
        (IsMissing(TEAM), {"customer": {"owner": "bob"}}),
        (Overlap(TAGS, Constant(("a",))), {"tags": "abc"}),
        (ANY_INTERNAL, {"comments": {"internal": True}}),
        (ANY_INTERNAL, {"comments": ["internal"]}),
        (ANY_INTERNAL, {"comments": [{"internal": True}, {"internal": "yes"}]}),
        # An ill-typed value is found wherever the outcome hangs on it.
        (And((ALWAYS, Comparison("==", TITLE, Constant("7")))), {"title": 7}),
        (And((UNKNOWN, Comparison("==", TITLE, Constant("7")))), {"title": 7}),
        (Or((NEVER, Comparison("==", TITLE, Constant("7")))), {"title": 7}),
        (Or((UNKNOWN, Comparison("==", TITLE, Constant("7")))), {"title": 7}),
    ],
)
def test_ill_typed_rows_are_refused(predicate: Predicate, row: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        evaluate(predicate, row, None, NOW)


def test_a_caller_must_be_given_when_one_is_read() -> None:
    with pytest.raises(ValueError, match="no caller was given"):
        evaluate(IsMissing(Caller("user", "region")), {}, None, NOW)

"""The SQL of a predicate: what it says, so that no later change wraps it or inlines a value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Boolean, ColumnElement, Text, column
from sqlalchemy.dialects.postgresql import ARRAY, dialect

from index.predicate import (
    ALWAYS,
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
    to_sql,
)
from tests.index.predicate.hostile import NOW

TITLE, TAGS, URGENT = Attribute(("title",)), Attribute(("tags",)), Attribute(("urgent",))
OPEN = Comparison("==", Attribute(("status",)), Constant("open"))
_DIALECT = dialect(paramstyle="named")  # type: ignore[no-untyped-call]
_TYPES: dict[str, Any] = {"tags": ARRAY(Text), "urgent": Boolean}


def _column(path: tuple[str, ...]) -> ColumnElement[Any]:
    return column("_".join(path), _TYPES.get(path[-1], Text))


def _sql(predicate: Predicate) -> str:
    compiled = to_sql(predicate, _column, NOW).compile(dialect=_DIALECT)
    return " ".join(str(compiled).split())


@pytest.mark.parametrize(
    ("predicate", "sql"),
    [
        (OPEN, "status = :param_1::VARCHAR"),
        (Not(OPEN), "status != :param_1::VARCHAR"),
        # A missing value is null, never a null test.
        (Comparison("==", TITLE, Constant(None)), "CAST(NULL AS BOOLEAN)"),
        (Comparison("!=", Constant(None), TITLE), "CAST(NULL AS BOOLEAN)"),
        (Membership(TITLE, Constant(None)), "CAST(NULL AS BOOLEAN)"),
        (UNKNOWN, "CAST(NULL AS BOOLEAN)"),
        (Not(UNKNOWN), "NOT CAST(NULL AS BOOLEAN)"),
        (IsMissing(TITLE), "title IS NULL"),
        (Not(IsMissing(TITLE)), "title IS NOT NULL"),
        # One array parameter, empty or not, and never `!= ANY`.
        (Membership(TITLE, Constant(())), "title = ANY (:param_1::TEXT[])"),
        (Not(Membership(TITLE, Constant(("a", "b")))), "NOT (title = ANY (:param_1::TEXT[]))"),
        (Membership(Constant("a"), TAGS), ":param_1::VARCHAR = ANY (tags)"),
        (Membership(Constant(None), TAGS), "CAST(NULL AS TEXT) = ANY (tags)"),
        # No LIKE.
        (TextTest("startsWith", TITLE, Constant("%")), "starts_with(title, :param_1::VARCHAR)"),
        (
            TextTest("endsWith", TITLE, Constant("_")),
            "right(title, length(:param_1::VARCHAR)) = :param_1::VARCHAR",
        ),
        (TextTest("contains", TITLE, TITLE), "strpos(title, title) > :strpos_1::INTEGER"),
        # A boolean is compared; `not` stays around it, without IS TRUE or COALESCE.
        (Comparison("==", URGENT, Constant(True)), "urgent = :param_1"),
        (Not(Comparison("==", URGENT, Constant(True))), "urgent != :param_1"),
        # Joints keep their shape; empty ones are what they mean.
        (
            Not(And((OPEN, Or((IsMissing(TITLE), Not(OPEN)))))),
            "NOT (status = :param_1::VARCHAR AND (title IS NULL OR status != :param_2::VARCHAR))",
        ),
        (And(()), "true"),
        (Or(()), "false"),
        (ALWAYS, "true"),
        # The parent's column, and the moment of the request.
        (
            Comparison("<", Attribute(("customer", "since")), Now()),
            "customer_since < :param_1::TIMESTAMP WITH TIME ZONE",
        ),
    ],
)
def test_sql(predicate: Predicate, sql: str) -> None:
    assert _sql(predicate) == sql


def test_values_are_parameters() -> None:
    hostile = "'; DROP TABLE ticket; --"
    condition = to_sql(Comparison("==", TITLE, Constant(hostile)), _column, NOW)
    compiled = condition.compile(dialect=_DIALECT)

    assert hostile not in str(compiled)
    assert list(compiled.params.values()) == [hostile]


def test_a_caller_must_be_substituted_first() -> None:
    with pytest.raises(ValueError, match="user region was not substituted"):
        _sql(Comparison("==", TITLE, Caller("user", "region")))


def test_the_moment_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_sql(OPEN, _column, datetime(2026, 1, 1))  # noqa: DTZ001

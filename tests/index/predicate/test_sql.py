"""The SQL of a predicate: what it says, so that no later change wraps it or inlines a value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Boolean, ColumnElement, Select, Text, column, literal_column, select, table
from sqlalchemy.dialects.postgresql import ARRAY, dialect

from index.predicate import (
    ALWAYS,
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
    Place,
    Predicate,
    TextTest,
    filter_sql,
    to_sql,
)
from tests.index.predicate.hostile import NOW

TITLE, TAGS, URGENT = Attribute(("title",)), Attribute(("tags",)), Attribute(("urgent",))
OPEN = Comparison("==", Attribute(("status",)), Constant("open"))
_DIALECT = dialect(paramstyle="named")  # type: ignore[no-untyped-call]
_TYPES: dict[str, Any] = {"tags": ARRAY(Text), "urgent": Boolean}


class _Names:
    """A place whose columns are their paths, and whose rows below are a table of that name."""

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        return column("_".join((*self._prefix, *path)), _TYPES.get(path[-1], Text))

    def present(self, path: tuple[str, ...]) -> ColumnElement[bool]:
        return column("_".join((*self._prefix, *path, "id"))).is_not(None)

    def exists(
        self, path: tuple[str, ...], condition: Callable[[Place], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        rows: Select[Any] = select(literal_column("1")).select_from(table("_".join(path)))
        return rows.where(condition(_Names(("it",)))).exists()


def _sql(predicate: Predicate) -> str:
    return _rendered(to_sql(predicate, _Names(), NOW))


def _filter(predicate: Predicate) -> str:
    return _rendered(filter_sql(predicate, _Names(), NOW))


def _rendered(condition: ColumnElement[bool]) -> str:
    return " ".join(str(condition.compile(dialect=_DIALECT)).split())


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
        # A field of a row that may be absent; of one two relations away as well.
        (
            IsMissing(Attribute(("customer", "since"))),
            "customer_since IS NULL AND (customer_id IS NOT NULL OR CAST(NULL AS BOOLEAN))",
        ),
        (
            IsMissing(Attribute(("customer", "owner", "team"))),
            "customer_owner_team IS NULL AND"
            " (customer_owner_id IS NOT NULL OR CAST(NULL AS BOOLEAN))",
        ),
        # An element that is null might be the shared one; a constant has none.
        (Overlap(TAGS, Constant(None)), "CAST(NULL AS BOOLEAN)"),
        (
            Overlap(TAGS, Constant(("a",))),
            "(tags && :param_1::TEXT[]) OR"
            " array_position(tags, CAST(NULL AS TEXT)) IS NOT NULL AND CAST(NULL AS BOOLEAN)",
        ),
        (
            Overlap(TAGS, Constant(())),
            "(tags && :param_1::TEXT[]) OR false AND CAST(NULL AS BOOLEAN)",
        ),
        # True of some row, or else unknown of some.
        (
            AnyRow(("comments",), OPEN),
            "(EXISTS (SELECT 1 FROM comments WHERE it_status = :param_1::VARCHAR)) OR"
            " (EXISTS (SELECT 1 FROM comments WHERE coalesce(it_status = :param_2::VARCHAR, true)))"
            " AND CAST(NULL AS BOOLEAN)",
        ),
    ],
)
def test_sql(predicate: Predicate, sql: str) -> None:
    assert _sql(predicate) == sql


@pytest.mark.parametrize(
    ("predicate", "sql"),
    [
        # What is the same either way stays as it is, and `not` goes to what it is about.
        (OPEN, "status = :param_1::VARCHAR"),
        (Not(OPEN), "status != :param_1::VARCHAR"),
        (Not(Comparison("<", TITLE, Constant("m"))), "title >= :param_1::VARCHAR"),
        (
            Not(And((OPEN, IsMissing(TITLE)))),
            "status != :param_1::VARCHAR OR title IS NOT NULL",
        ),
        (
            Not(Or((OPEN, Not(IsMissing(TITLE))))),
            "status != :param_1::VARCHAR AND title IS NULL",
        ),
        # What is unknown of every row keeps none, either way.
        (UNKNOWN, "false"),
        (Not(UNKNOWN), "false"),
        (Comparison("==", TITLE, Constant(None)), "CAST(NULL AS BOOLEAN)"),
        (Not(Overlap(TAGS, Constant(None))), "NOT CAST(NULL AS BOOLEAN)"),
        # A text in the row's list, in the form that a GIN index answers. What is not in it is not
        # the opposite of that: an element may be null.
        (Membership(Constant("vip"), TAGS), "tags @> :param_1::TEXT[]"),
        (Not(Membership(Constant("vip"), TAGS)), "NOT (:param_1::VARCHAR = ANY (tags))"),
        (Membership(Constant(None), TAGS), "CAST(NULL AS TEXT) = ANY (tags)"),
        (Membership(TITLE, Constant(("a",))), "title = ANY (:param_1::TEXT[])"),
        (Membership(TITLE, TAGS), "title = ANY (tags)"),
        (Overlap(TAGS, Constant(("a",))), "tags && :param_1::TEXT[]"),
        (
            Not(Overlap(TAGS, Constant(("a",)))),
            "NOT (tags && :param_1::TEXT[]) AND array_position(tags, CAST(NULL AS TEXT)) IS NULL",
        ),
        # The row behind the relation must be there, which a value that is there proves.
        (
            IsMissing(Attribute(("customer", "since"))),
            "customer_since IS NULL AND customer_id IS NOT NULL",
        ),
        (Not(IsMissing(Attribute(("customer", "since")))), "customer_since IS NOT NULL"),
        # A row that is so; no row that is or might be so, of a parent that is there.
        (
            AnyRow(("customer", "invoices"), Not(OPEN)),
            "EXISTS (SELECT 1 FROM customer_invoices WHERE it_status != :param_1::VARCHAR)",
        ),
        (
            Not(AnyRow(("comments",), OPEN)),
            "NOT (EXISTS (SELECT 1 FROM comments"
            " WHERE coalesce(it_status = :param_1::VARCHAR, true)))",
        ),
        (
            Not(AnyRow(("customer", "invoices"), OPEN)),
            "customer_id IS NOT NULL AND NOT (EXISTS (SELECT 1 FROM customer_invoices"
            " WHERE coalesce(it_status = :param_1::VARCHAR, true)))",
        ),
    ],
)
def test_filter(predicate: Predicate, sql: str) -> None:
    assert _filter(predicate) == sql


def test_days_are_counted_from_the_moment() -> None:
    condition = to_sql(Comparison("<", Now(-90), Now(7)), _Names(), NOW)

    assert list(condition.compile(dialect=_DIALECT).params.values()) == [
        NOW - timedelta(days=90),
        NOW + timedelta(days=7),
    ]


def test_values_are_parameters() -> None:
    hostile = "'; DROP TABLE ticket; --"
    condition = to_sql(Comparison("==", TITLE, Constant(hostile)), _Names(), NOW)
    compiled = condition.compile(dialect=_DIALECT)

    assert hostile not in str(compiled)
    assert list(compiled.params.values()) == [hostile]


def test_a_caller_must_be_substituted_first() -> None:
    with pytest.raises(ValueError, match="user region was not substituted"):
        _sql(Comparison("==", TITLE, Caller("user", "region")))


def test_the_moment_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_sql(OPEN, _Names(), datetime(2026, 1, 1))  # noqa: DTZ001

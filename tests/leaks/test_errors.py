"""Errors tell nothing: none is raised by what a caller may not see, and none repeats a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

import index.database
from access_policies import Principal, Snapshot, read_policies
from access_policies.masks import HIDE
from index.entity_tables import ENTITY_SCHEMA
from index.predicate import Predicate
from index.specs import FieldSpec, FieldType
from semantic_layer import Context, Model
from semantic_layer.filters import filterable, read_where
from semantic_layer.names import camel
from semantic_layer.schema_types import FILTERS
from tests.leaks.checker import Pair, told
from tests.leaks.company import TENANT, row_id
from tests.leaks.conftest import OpenPair
from tests.leaks.installation import Installation, recorded
from tests.leaks.questions import graphql, tool
from tests.leaks.values import plain
from tests.leaks.withheld import Withheld, WithheldField, WithheldRows, policies

_SUBJECT = WithheldField("ticket", "subject", HIDE, "all")
_NOW = datetime(2026, 11, 1, tzinfo=UTC)

# Contents, as SQL, that expressions stumble over, of which a rule hides the row.
_HOSTILE: dict[FieldType, tuple[str, ...]] = {
    FieldType.TEXT: ("''", "repeat('x', 2000)", "E'\\\\%_|\\n\\u202e'"),
    FieldType.ENUM: ("'no such value'", "''", "'OPEN '"),
    FieldType.INTEGER: (str(2**63 - 1), str(-(2**63)), "0"),
    FieldType.DECIMAL: ("'NaN'", "'Infinity'", "'-Infinity'"),
    FieldType.BOOLEAN: ("true", "false", "null"),
    FieldType.TIMESTAMP: ("'-infinity'", "'4713-01-01 BC'", "'0001-01-01'"),
    FieldType.TEXT_LIST: ("'{}'", "array[null]", "array['', null, '\"']"),
    FieldType.MONEY: (str(2**63 - 1), str(-(2**63)), "0"),
}


def test_hidden_contents_that_no_expression_takes_are_no_error(pair: Pair, model: Model) -> None:
    """Postgres may look at a filter before it looks at the rule that hides the row; if a filter
    could fail on the row, that would tell of it."""
    withheld: list[Withheld] = [WithheldRows(name, "early") for name in model.entities]
    traces = pair.withhold(withheld)
    with pair.one.services.database.writing() as connection:
        for spec in model.specs.values():
            for row in range(3):
                _make_hostile(connection, spec.name, row, spec.fields.values())
    leaks = pair.leaks_as_it_stands(withheld, traces, 1, 7, ("filters", "lookups"))
    assert leaks == []


def _make_hostile(connection: Connection, entity: str, row: int, fields: Any) -> None:
    columns = []
    for field in fields:
        name = f"{field.name}_minor" if field.type is FieldType.MONEY else field.name
        columns.append(f'"{name}" = {_HOSTILE[field.type][row]}')
        if field.type is FieldType.MONEY:
            columns.append(f"{field.name}_currency = '??'")
    statement = f'UPDATE {ENTITY_SCHEMA}."{entity}" SET {", ".join(columns)} WHERE id = %s'  # noqa: S608
    connection.exec_driver_sql(statement.replace("\\%", "\\%%"), (row_id(entity, row),))


# Functions and casts that give a result for every argument of their types.
_NEVER_RAISE = {
    "starts_with", "strpos", "right", "length", "array_position", "cardinality", "current_setting",
}  # fmt: skip


def test_no_test_of_a_filter_can_fail(pair: Pair, model: Model) -> None:
    """What Postgres makes of every test of every field is made of nothing that raises: no cast of
    a column, no arithmetic, and only functions that are listed here."""
    services = pair.one.services
    caller = Principal.create(
        tenant=TENANT,
        user="trent",
        agent=None,
        purpose=None,
        user_attributes={"department": "staff", "teams": []},
        agent_attributes={},
        declared=model.callers,
    )
    documents = policies(model.specs).items()
    snapshot = Snapshot(read_policies(documents, model.specs, model.callers), b"a key for hashes")
    context = Context(principal=caller, snapshot=snapshot, now=_NOW)
    seen = set()
    with services.database.writing() as connection:
        for spec in model.specs.values():
            for predicate in _every_filter(model, spec.name):
                compiler = context.compiler(model, services.tables)
                scope = compiler.scope(spec.name)
                scope.restrict(predicate)
                rows = select(scope.table.c.id).select_from(scope.source).where(*scope.conditions)
                compiled = rows.compile(connection, compile_kwargs={"literal_binds": True})
                plan = connection.exec_driver_sql(
                    f"EXPLAIN (VERBOSE) {compiled}".replace("%", "%%")
                )
                for (line,) in plan:
                    if "Filter:" in line or "Cond:" in line:
                        seen |= set(re.findall(r"\b(\w+)\(", re.sub(r"'[^']*'", "", line)))
                        assert not re.search(r"\(?\b\w+\.\w+\)?::(?!text\b)", line), line
                        assert not re.search(r" [-+*/%] ", re.sub(r"'[^']*'", "", line)), line
    assert seen - {"AND", "OR", "NOT", "ANY", "CASE", "hashed"} <= _NEVER_RAISE


def _every_filter(model: Model, entity: str) -> Iterator[Predicate]:
    spec = model[entity].spec
    for field in spec.fields.values():
        if not filterable(field):
            continue
        for test, value in _tests(field):
            yield read_where(spec, {camel(field.name): {test: value}})


def _tests(field: FieldSpec) -> Iterator[tuple[str, Any]]:
    names = (
        ("eq", "ne", "in", "notIn", "isNull")
        if field.type is FieldType.ENUM
        else FILTERS[field.type].fields
    )
    value = plain(field, 1)[field.name]
    for name in names:
        if name == "isNull":
            yield name, True
        elif name in ("in", "notIn"):
            yield name, [value]
        elif name == "has":
            yield name, value[0]
        else:
            yield name, value


@contextmanager
def _failing_with_a_value(one: Installation, entity: str, column: str) -> Iterator[None]:
    """Make Postgres fail with a message that repeats what stands in a column."""
    with one.services.database.writing() as connection:
        connection.execute(
            text(
                f"CREATE POLICY failing ON {ENTITY_SCHEMA}.{entity} AS RESTRICTIVE FOR SELECT"
                f" TO remit_query USING ({column}::integer > 0)"
            )
        )
    try:
        yield
    finally:
        with one.services.database.writing() as connection:
            connection.execute(text(f"DROP POLICY failing ON {ENTITY_SCHEMA}.{entity}"))


def test_an_error_of_postgres_that_repeats_a_value_is_told_by_its_number(pair: Pair) -> None:
    traces = pair.withhold([_SUBJECT])
    questions = [
        graphql("{ tickets { totalCount nodes { id } } }"),
        graphql(f'{{ ticket(id: "{row_id("ticket", 0)}", maxAge: 0) {{ id }} }}'),
        tool("ask", request="tickets"),
        tool("query", graphql="{ tickets { totalCount } }"),
    ]
    number = re.compile(rb"[0-9a-f]{8}(?=\.| in )")
    bodies, logs = [], []
    for each in (pair.one, pair.other):
        each.log.lines.clear()
        with recorded(), _failing_with_a_value(each, "ticket", "subject"):
            replies = each.ask_all(questions)
        bodies.append([number.sub(b"", reply.body) for reply in replies])
        logs.append("\n".join(each.log.lines))
    assert bodies[0] == bodies[1]
    for body in bodies[0]:
        assert b"Internal error" in body
        assert not told(body, traces)
    for log in logs:
        assert "incident" in log  # what went wrong is there, but not the value
        assert not told(log.encode(), traces)


def test_a_question_that_takes_too_long_is_told_without_a_value(
    open_pair: OpenPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.database, "READ_SECONDS", 1)
    with open_pair() as pair:
        traces = pair.withhold([_SUBJECT])
        questions = [graphql("{ tickets { totalCount } }"), tool("ask", request="tickets")]
        found = []
        for each in (pair.one, pair.other):
            with each.services.database.writing() as connection, recorded():
                connection.execute(text("LOCK TABLE entity.ticket IN ACCESS EXCLUSIVE MODE"))
                found.append(each.ask_all(questions))
            assert not told("\n".join(each.log.lines).encode(), traces)
        assert found[0] == found[1]
        for reply in found[0]:
            assert b"took longer" in reply.body
            assert not told(reply.body, traces)

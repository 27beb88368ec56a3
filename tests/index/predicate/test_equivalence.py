"""One meaning: of every row, Python and Postgres give a predicate the same one of three values."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from index.predicate import (
    Caller,
    Not,
    Predicate,
    Value,
    callers,
    evaluate,
    substitute,
    where_not_false,
    where_true,
)
from tests.index.predicate import strategies
from tests.index.predicate.hostile import NOW, TICKETS, HostileRows

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "200"))


@pytest.mark.timeout(180 + EXAMPLES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(predicate=strategies.predicates(), known=strategies.callers())
def test_python_and_postgres_agree_on_every_row(
    hostile_rows: HostileRows, predicate: Predicate, known: dict[Caller, Value | None]
) -> None:
    residual = substitute(predicate, known.get)
    in_python = {
        number: evaluate(predicate, row, known.get, NOW) for number, row in enumerate(TICKETS)
    }

    assert not callers(residual)
    assert {
        number: evaluate(residual, row, None, NOW) for number, row in enumerate(TICKETS)
    } == in_python, "substitution changed the meaning"
    assert hostile_rows.truths(residual) == in_python, "Postgres disagrees"

    true = {number for number, value in in_python.items() if value is True}
    false = {number for number, value in in_python.items() if value is False}
    assert hostile_rows.ids(residual) == true, "a filter keeps other rows"
    assert hostile_rows.ids(Not(residual)) == false, "a filter on the opposite keeps other rows"
    assert hostile_rows.ids(where_true(residual)) == true
    settled = hostile_rows.truths(where_not_false(residual))
    assert {number for number, value in settled.items() if value is False} == false

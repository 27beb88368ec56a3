"""Principals: what is kept of a caller's claims, and what never leaves them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from access_policies import Principal
from index.predicate import Caller, InvalidValue, Value
from tests.access_policies.strategies import CALLERS


def _ann(**attributes: Any) -> Principal:
    return Principal.create(
        tenant="acme",
        user="ann",
        agent="helper",
        purpose="support",
        user_attributes=attributes,
        declared=CALLERS,
    )


@pytest.mark.parametrize(
    ("caller", "value"),
    [
        (Caller("user", "name"), "ann"),
        (Caller("agent", "name"), "helper"),
        (Caller("purpose"), "support"),
        # A list becomes a tuple, so that a principal can be hashed.
        (Caller("user", "regions"), ("emea", "apac")),
        (Caller("user", "level"), 3),
        # Declared but not given, and never declared.
        (Caller("user", "lead"), None),
        (Caller("agent", "regions"), None),
        (Caller("user", "nickname"), None),
    ],
)
def test_what_a_rule_reads(caller: Caller, value: Value | None) -> None:
    assert _ann(regions=["emea", "apac"], level=3).value(caller) == value


@pytest.mark.parametrize(
    ("attributes", "logged"),
    [
        ({"clearance": "s3cret"}, "'clearance' is not declared"),
        ({"level": "s3cret"}, "'level' is left out: expected a whole number, not text"),
        ({"level": True}, "'level' is left out: expected a whole number"),
        # A null inside a list makes the whole list unknown: `not in` must not profit from it.
        ({"regions": ["s3cret", None]}, "'regions' is left out"),
        ({"regions": "s3cret"}, "'regions' is left out: expected a list of texts"),
        ({"region": "s3cret\0"}, "'region' is left out: text cannot hold the character NUL"),
        ({"level": 2**63}, "'level' is left out: the whole number is outside"),
    ],
)
def test_what_does_not_fit_is_left_out_and_logged_by_name(
    attributes: dict[str, object], logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        principal = _ann(**attributes)

    assert principal.user_attributes == {}
    assert logged in caplog.text
    assert "s3cret" not in caplog.text


def test_a_declared_attribute_cannot_replace_the_name() -> None:
    declared = {"user": {**CALLERS["user"], "name": CALLERS["user"]["region"]}}
    mallory = Principal.create(
        tenant="acme", user="mallory", user_attributes={"name": "ann"}, declared=declared
    )

    assert mallory.value(Caller("user", "name")) == "mallory"


@pytest.mark.parametrize("names", [{"user": ""}, {"agent": "\0"}, {"tenant": ""}, {"purpose": ""}])
def test_an_empty_name_is_no_name(names: dict[str, str]) -> None:
    # It would equal every empty owner in the data.
    with pytest.raises(InvalidValue):
        Principal.create(**{"tenant": "acme", **names}, declared=CALLERS)  # type: ignore[arg-type]


def test_equal_principals_are_one_key() -> None:
    one, same, other = _ann(level=1), _ann(level=1), _ann(level=2)

    assert {one: "kept"}[same] == "kept"
    assert one != other


def test_attributes_stay_out_of_repr_and_cannot_change() -> None:
    principal = _ann(region="s3cret")

    assert "s3cret" not in repr(principal)
    with pytest.raises(TypeError):
        principal.user_attributes["region"] = "apac"  # type: ignore[index]

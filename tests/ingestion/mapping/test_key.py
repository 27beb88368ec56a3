"""Keys of records: exact, and never the same for what differs."""

from __future__ import annotations

from typing import Any

import pytest

from index.incoming import Unstorable
from ingestion.mapping.format import Key
from ingestion.mapping.key import compile_key

KEYS: list[tuple[Key, dict[str, Any], str | None]] = [
    # A path, as shipped mappings have it.
    ("id", {"id": 7}, "7"),
    ("order.id", {"order": {"id": "A1"}}, "A1"),
    ("id", {"id": None}, None),
    # Names taken literally, as a source-defined primary key has them.
    ((("order.id",),), {"order.id": 7}, "7"),
    ((("order", "id"),), {"order": {"id": "<b>"}}, "<b>"),
    ((("id",),), {"id": ""}, None),
    # Several together.
    (("shop", "id"), {"shop": "a", "id": 1}, '["a",1]'),
    (("shop", "id"), {"shop": None, "id": 1}, "[null,1]"),
    (("shop", "id"), {}, None),
]


@pytest.mark.parametrize(("key", "record", "text"), KEYS)
def test_key(key: Key, record: dict[str, Any], text: str | None) -> None:
    assert compile_key(key)(record) == text


UNSTORABLE: list[tuple[Key, dict[str, Any]]] = [
    # Beyond 64 bits, alone and with another.
    ((("id",),), {"id": 2**70}),
    (("shop", "id"), {"shop": "a", "id": 2**70}),
    # Half a surrogate pair.
    (("shop", "id"), {"shop": "a", "id": "\ud800"}),
]


@pytest.mark.parametrize(("key", "record"), UNSTORABLE)
def test_key_that_is_no_json(key: Key, record: dict[str, Any]) -> None:
    with pytest.raises(Unstorable):
        compile_key(key)(record)


DIFFERENT = [
    # A separator inside a value.
    ({"a": "x,y", "b": "z"}, {"a": "x", "b": "y,z"}),
    ({"a": 'x","y', "b": "z"}, {"a": "x", "b": 'y","z'}),
    # A number and its text.
    ({"a": 1, "b": 2}, {"a": "1", "b": 2}),
    # Nothing, and the word for it.
    ({"a": None, "b": 2}, {"a": "null", "b": 2}),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_values_give_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    together = compile_key(("a", "b"))
    assert together(one) != together(other)


def test_without_a_key_the_content_counts() -> None:
    hashed = compile_key(None, ignored=("seen_at",))
    assert hashed({"a": 1, "b": 2}) == hashed({"b": 2, "a": 1, "seen_at": "today"})
    assert hashed({"a": 1, "b": 2}) != hashed({"a": 1, "b": 3})

"""JSON values built in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, func, literal, literal_column

from index.errors import InvalidRequest

MAX_OUTPUTS = 50  # Postgres functions take 100 arguments, and a key and a value are two

EMPTY_LIST: ColumnElement[Any] = literal_column("'[]'::json")


def json_text(value: str) -> ColumnElement[Any]:
    """A constant text."""
    return literal(value, Text)


def json_object(parts: Sequence[tuple[str, ColumnElement[Any]]]) -> ColumnElement[Any]:
    """An object with these keys and values, in this order."""
    if len(parts) > MAX_OUTPUTS:
        raise InvalidRequest(
            f"{len(parts)} fields are asked of one object; ask for at most {MAX_OUTPUTS} at a time."
        )
    arguments: list[ColumnElement[Any]] = []
    for key, value in parts:
        arguments += [json_text(key), value]
    return func.json_build_object(*arguments)

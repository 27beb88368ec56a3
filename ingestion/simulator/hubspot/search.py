"""HubSpot's search requests: filters, sorts and the window of 10,000 results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ingestion.simulator.hubspot.definitions import CREATED, TYPES

Record = dict[str, Any]
Value = float | str | None
Test = Callable[[Record], bool]

LIMIT = 200
WINDOW = 10_000
_MAX_GROUPS = 5
_MAX_FILTERS = 6


class SearchError(ValueError):
    """A search that HubSpot refuses."""


def search(
    kind: str, records: Sequence[Record], body: Record, page_limit: int
) -> tuple[int, list[Record], str | None]:
    """How many match, one page of them, and where the next begins (None: this is the last).

    Raises SearchError.
    """
    limit, start = _number(body, "limit", 10), _number(body, "after", 0)
    if not 1 <= limit <= LIMIT:
        raise SearchError(f"limit must be between 1 and {LIMIT}")
    if start + limit > WINDOW:
        raise SearchError(f"a search shows no more than {WINDOW} results; narrow it down")
    groups = body.get("filterGroups") or []
    if len(groups) > _MAX_GROUPS:
        raise SearchError(f"there may be {_MAX_GROUPS} filterGroups")
    tests = [_group(kind, group) for group in groups]
    found = [one for one in records if not tests or any(test(one) for test in tests)]
    _sort(kind, found, body.get("sorts") or [])
    end = start + min(limit, page_limit)
    return len(found), found[start:end], str(end) if end < len(found) else None


def _group(kind: str, group: Record) -> Test:
    filters = group.get("filters") or []
    if len(filters) > _MAX_FILTERS:
        raise SearchError(f"a group may have {_MAX_FILTERS} filters")
    tests = [_filter(kind, given) for given in filters]
    return lambda record: all(test(record) for test in tests)


def _filter(kind: str, given: Record) -> Test:
    name = given.get("propertyName", "")
    of = _reader(kind, name)
    operator = given.get("operator")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda record: (of(record) is not None) is wanted
    if operator in ("IN", "NOT_IN"):
        values = {_typed(kind, name, value) for value in given.get("values") or []}
        inside = operator == "IN"
        return lambda record: (of(record) in values) is inside
    if "value" not in given:
        raise SearchError(f"the filter on {name} has no value")
    bound = _typed(kind, name, given["value"])
    match operator:
        case "EQ":
            return lambda record: of(record) == bound
        case "NEQ":
            return lambda record: of(record) != bound
        case "GT" | "GTE" | "LT" | "LTE":
            return lambda record: _compares(of(record), operator, bound)
        case "BETWEEN":
            high = _typed(kind, name, given.get("highValue"))
            return lambda record: (
                _compares(of(record), "GTE", bound) and _compares(of(record), "LTE", high)
            )
        case _:
            raise SearchError(f"{operator!r} is no operator")


def _compares(value: Any, operator: str, bound: Any) -> bool:
    if value is None:
        return False
    return bool(
        {
            "GT": value > bound,
            "GTE": value >= bound,
            "LT": value < bound,
            "LTE": value <= bound,
        }[operator]
    )


def _sort(kind: str, found: list[Record], sorts: Sequence[Any]) -> None:
    """By the first sort alone, as HubSpot takes only one; without any, oldest first."""
    given = sorts[0] if sorts else {"propertyName": CREATED[kind]}
    if isinstance(given, str):
        given = {"propertyName": given}
    of = _reader(kind, given.get("propertyName", ""))
    descending = given.get("direction") == "DESCENDING"
    found.sort(key=lambda record: ((value := of(record)) is None, value), reverse=descending)


def _reader(kind: str, name: str) -> Callable[[Record], Value]:
    if name not in TYPES[kind]:
        raise SearchError(f"there is no property {name!r}")
    return lambda record: _typed(kind, name, record["properties"].get(name))


def _typed(kind: str, name: str, text: Any) -> Value:
    """A property's value as it compares: numbers and times as numbers, all else as text."""
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise SearchError(f"the value of {name} must be a text")
    try:
        match TYPES[kind][name]:
            case "number":
                return float(text)
            case "datetime" if text.isdigit():
                return float(text)
            case "datetime":
                return datetime.fromisoformat(text).timestamp() * 1000
            case _:
                return text
    except ValueError as error:
        raise SearchError(f"{text!r} is no value of {name}") from error


def _number(body: Record, name: str, otherwise: int) -> int:
    given = body.get(name) or otherwise
    if not str(given).isdigit():
        raise SearchError(f"{name} must be a number")
    return int(given)

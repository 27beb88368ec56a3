"""The part of JQL that the simulator understands: conditions joined by AND, and an order."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.simulator.jira.records import ORGANIZATIONS_FIELD, TIME_ZONE

Record = dict[str, Any]
Test = Callable[[Record], bool]

_CLAUSE = re.compile(r"(?P<field>\w+)\s*(?P<operator>>=|<=|=|>|<|\bin\b)\s*(?P<value>.+)", re.S)
_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
              "=": operator.eq}  # fmt: skip
_MOMENTS = ("created", "updated")
_ORDERS = (*_MOMENTS, "key")


class JqlError(ValueError):
    """A query that Jira refuses, in its words."""


@dataclass(frozen=True)
class Query:
    """Which issues are wanted, and by which fields they are sorted."""

    test: Test
    order: tuple[tuple[str, bool], ...]  # field, and whether it falls

    def sort_key(self, issue: Record) -> list[float]:
        """What the issue is sorted by; no two issues share it."""
        values = [*((_sortable(issue, name), falls) for name, falls in self.order),
                  (float(issue["id"]), False)]  # fmt: skip
        return [-value if falls else value for value, falls in values]


def parse(jql: str, projects: Mapping[str, Record]) -> Query:
    """Read a query of somebody who sees these projects, by key. Raises JqlError."""
    text, _, order = jql.partition("ORDER BY")
    clauses = [clause.strip() for clause in re.split(r"\bAND\b", text) if clause.strip()]
    if not clauses:
        raise JqlError(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your"
            " query."
        )
    tests = [_test(clause, projects) for clause in clauses]
    return Query(lambda issue: all(test(issue) for test in tests), _order(order))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _test(clause: str, projects: Mapping[str, Record]) -> Test:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        raise JqlError(f"Error in the JQL Query: {clause!r} is no condition.")
    field, sign, value = match["field"], match["operator"], match["value"].strip()
    if field in _MOMENTS and sign != "in":
        bound, compare = _date(field, value), _OPERATORS[sign]
        return lambda issue: compare(moment(issue["fields"][field]), bound)
    values = {each.strip().strip("\"'") for each in value.strip("()").split(",")}
    if field == "project":
        for unknown in sorted(values - projects.keys()):
            raise JqlError(f"The value '{unknown}' does not exist for the field 'project'.")
        return lambda issue: issue["fields"]["project"]["key"] in values
    if field == "projectType":
        return lambda issue: issue["fields"]["project"]["projectTypeKey"] in values
    if field == "organizations":
        return lambda issue: not values.isdisjoint(issue["fields"][ORGANIZATIONS_FIELD])
    raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")


def _date(field: str, value: str) -> datetime:
    """A number is milliseconds since 1970; a text is of whole minutes in the agent's zone."""
    if value.isdigit():
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    text = value.strip("\"'").replace("/", "-")
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=TIME_ZONE)
        except ValueError:
            continue
    raise JqlError(
        f"Date value '{text}' for field '{field}' is invalid. Valid formats include: "
        "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format"
        " e.g. '-5d', '4w 2d'."
    )


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, way = part.partition(" ")
        if name not in _ORDERS or way.strip() not in ("", "ASC", "DESC"):
            raise JqlError(f"Not able to sort using field '{part}'.")
        found.append((name, way.strip() == "DESC"))
    return tuple(found)


def _sortable(issue: Record, name: str) -> float:
    if name == "key":
        return float(issue["key"].rpartition("-")[2])
    return moment(issue["fields"][name]).timestamp()

"""What the simulated Jira has, and what became of it."""

from __future__ import annotations

from typing import Any

from ingestion.simulator.jira.site import Site
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]


def issues_of(index: Index) -> dict[str, Record]:
    """The issues of service projects, by id."""
    return {
        issue["id"]: issue
        for issue in Site(index.simulator.company).records("issue")
        if issue["fields"]["project"]["projectTypeKey"] == "service_desk"
    }


def comments_of(index: Index) -> dict[str, Record]:
    issues = issues_of(index)
    found = Site(index.simulator.company).records("comment")
    return {comment["id"]: comment for comment in found if comment["issue"] in issues}


def row_of(index: Index, entity: str, remote_id: str) -> Any:
    rows = index.rows(entity, source="jira", deleted=True)
    (row,) = [row for row in rows if row["remote_id"] == remote_id]
    return row

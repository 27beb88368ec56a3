"""What the simulated HubSpot has, and what became of it."""

from __future__ import annotations

from typing import Any

from ingestion.simulator.hubspot.portal import Portal
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]


def records_of(index: Index, kind: str) -> dict[str, Record]:
    """What is not in the recycling bin, by id; of notes and e-mails those of tickets."""
    portal = Portal(index.simulator.company)
    found = portal.records(kind)
    if kind == "owners":
        found += portal.records(kind, archived=True)  # who left is still known
    if kind in ("notes", "emails"):
        found = [one for one in found if one["associations"].get("tickets")]
    return {record["id"]: record for record in found}


def rows_of_stream(index: Index, kind: str, entity: str) -> list[Any]:
    return [row for row in index.rows(entity, source="hubspot") if row["stream"] == kind]


def row_of(index: Index, entity: str, remote_id: str) -> Any:
    (row,) = [
        row
        for row in index.rows(entity, source="hubspot", deleted=True)
        if row["remote_id"] == remote_id
    ]
    return row

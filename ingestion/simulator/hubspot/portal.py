"""The HubSpot portal: its records, and what changing them means."""

from __future__ import annotations

from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import from_milliseconds, milliseconds_time
from ingestion.simulator.hubspot.contents import Contents, of_stage
from ingestion.simulator.hubspot.definitions import (
    CHANGED,
    COMPANY,
    CREATED,
    STAGE,
    TYPES,
    pipelines,
)
from ingestion.simulator.vendor import InvalidChangeError, UnknownRecordError, merged

Record = dict[str, Any]

_REQUIRED = {
    "companies": "name",
    "contacts": "email",
    "deals": "dealname",
    "tickets": "subject",
    "notes": "hs_timestamp",
    "emails": "hs_timestamp",
}


class Portal:
    def __init__(self, company: Company) -> None:
        self.pipelines = {kind: pipelines(kind) for kind in STAGE}
        self._stages = {
            kind: {
                stage["id"]: (pipeline["id"], stage)
                for pipeline in found
                for stage in pipeline["stages"]
            }
            for kind, found in self.pipelines.items()
        }
        # In the order of their ids, which are given out in ascending order.
        self._records = {
            kind: {record["id"]: record for record in records}
            for kind, records in Contents(company).records.items()
        }

    def records(self, kind: str, *, archived: bool = False) -> list[Record]:
        """All records of an object that are, or are not, in the recycling bin, by id."""
        return [found for found in self._records[kind].values() if found["archived"] is archived]

    def get(self, kind: str, record_id: str) -> Record | None:
        return self._records[kind].get(record_id)

    def linked(self, kind: str, record: Record, to: str) -> list[Record]:
        """The living objects of a kind that a record is associated with, from either side."""
        named = _links(kind, record).get(to, ())
        return [
            other
            for other in self.records(to)
            if other["id"] in named or record["id"] in _links(to, other).get(kind, ())
        ]

    def create(self, kind: str, fields: Record, at: int) -> Record:
        """A new object needs `properties` with the one that names it; owners cannot be made.

        `associations` are lists of ids by kind.
        """
        records = self._of_kind(kind)
        if kind not in _REQUIRED:
            raise InvalidChangeError("owners are users of HubSpot; they cannot be made here")
        if not fields.get("properties", {}).get(_REQUIRED[kind]):
            raise InvalidChangeError(f"a new record needs properties.{_REQUIRED[kind]}")
        now = milliseconds_time(from_milliseconds(at))
        record_id = str(max(map(int, records)) + 7)
        properties: Record = {"hs_object_id": record_id, CREATED[kind]: now}
        if kind in STAGE:
            properties[STAGE[kind][1]] = next(iter(self._stages[kind]))
        blank = {
            "id": record_id,
            "properties": properties,
            "associations": {},
            "createdAt": now,
            "updatedAt": now,
            "archived": False,
        }
        return self._put(kind, merged(blank, fields), now)

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        old = self._of_kind(kind).get(record_id)
        if old is None:
            raise UnknownRecordError(f"no {kind} {record_id}")
        return self._put(kind, merged(old, fields), milliseconds_time(from_milliseconds(at)))

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Into the recycling bin; what belonged to a company stays behind without it."""
        record = self.change(kind, record_id, {"archived": True}, at)
        now = milliseconds_time(from_milliseconds(at))
        if kind != "owners":
            record["archivedAt"] = now
        if kind == "companies":
            for other, column in COMPANY.items():
                for found in self.records(other):
                    if found["properties"].get(column) == record_id:
                        self._put(other, merged(found, {"properties": {column: None}}), now)
        return record

    def _put(self, kind: str, record: Record, now: str) -> Record:
        record["updatedAt"] = now
        if kind != "owners":
            properties = record["properties"]
            if unknown := sorted(properties.keys() - TYPES[kind].keys()):
                raise InvalidChangeError(f"{kind} have no property {', '.join(unknown)}")
            properties[CHANGED[kind]] = now
            if kind in STAGE:
                properties |= self._computed(kind, properties)
        self._records[kind][record["id"]] = record
        return record

    def _computed(self, kind: str, properties: Record) -> Record:
        (in_pipeline, in_stage), stages = STAGE[kind], self._stages[kind]
        if properties[in_stage] not in stages:
            raise InvalidChangeError(
                f"no stage {properties[in_stage]!r}; there are {', '.join(stages)}"
            )
        pipeline, stage = stages[properties[in_stage]]
        return {in_pipeline: pipeline, **(of_stage(stage) if kind == "deals" else {})}

    def _of_kind(self, kind: str) -> dict[str, Record]:
        if kind not in self._records:
            raise UnknownRecordError(f"no kind {kind!r}; HubSpot has {', '.join(self._records)}")
        return self._records[kind]


def _links(kind: str, record: Record) -> dict[str, list[str]]:
    """The ids that a record itself is associated with; its company is a property."""
    if kind == "owners":
        return {}
    company = record["properties"].get(COMPANY.get(kind, ""))
    return {**record["associations"], **({"companies": [company]} if company else {})}

"""The Salesforce org: its records and what changing them means."""

from __future__ import annotations

from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import (
    from_milliseconds,
    salesforce_id,
    salesforce_time,
)
from ingestion.simulator.salesforce.objects import CASE_STATUSES, FIELDS, OF_CASES, new_record
from ingestion.simulator.vendor import InvalidChangeError, UnknownRecordError, merged

Record = dict[str, Any]


class Org:
    def __init__(self, company: Company) -> None:
        self._records = {
            kind: {record["Id"]: record for record in records}
            for kind, records in company.salesforce.items()
        }

    def records(self, kind: str, *, with_deleted: bool = False) -> list[Record]:
        found = self._records[kind].values()
        if with_deleted or "IsDeleted" not in FIELDS[kind]:
            return list(found)
        return [record for record in found if not record["IsDeleted"]]

    def get(self, kind: str, record_id: str) -> Record | None:
        """The record by its id of 18 characters, or of 15, whose last three only check the rest."""
        records = self._records[kind]
        if len(record_id) == 15:
            record_id = next((known for known in records if known.startswith(record_id)), "")
        return records.get(record_id)

    def create(self, kind: str, fields: Record, at: int) -> Record:
        records = self._of_kind(kind)
        now = salesforce_time(from_milliseconds(at))
        blank = new_record(
            kind,
            {
                "Id": salesforce_id(kind, len(records) + 1),
                "CreatedDate": now,
                "LastModifiedDate": now,
                "SystemModstamp": now,
            },
        )
        if kind == "Opportunity":
            blank["StageName"] = "Prospecting"
        if kind == "Case":
            blank |= {"CaseNumber": f"{len(records) + 1:08d}", "Status": "New"}
        return self._put(kind, self._follow(kind, merged(blank, fields)))

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        record = merged(self._existing(kind, record_id), fields)
        now = salesforce_time(from_milliseconds(at))
        record["LastModifiedDate"] = record["SystemModstamp"] = now
        if fields.keys() & {"StageName", "Status"}:
            record = self._follow(kind, record)
        return self._put(kind, record)

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Into the recycle bin, a case with all that was said; queryAll still finds them.

        Users can only be made inactive.
        """
        record = self._existing(kind, record_id)
        if "IsDeleted" not in FIELDS[kind]:
            raise InvalidChangeError(f"{kind} records cannot be deleted; set IsActive to false")
        if kind == "Case":
            for said in OF_CASES:
                for one in self.records(said):
                    if one["ParentId"] == record["Id"]:
                        self.change(said, one["Id"], {"IsDeleted": True}, at)
        return self.change(kind, record["Id"], {"IsDeleted": True}, at)

    def _follow(self, kind: str, record: Record) -> Record:
        """What a stage or status decides: whether it is closed, and won, and how likely."""
        match kind:
            case "Opportunity":
                return self._follow_stage(record)
            case "Case":
                return self._follow_status(record)
            case _:
                return record

    def _follow_status(self, record: Record) -> Record:
        closed = CASE_STATUSES.get(record["Status"])
        if closed is None:
            raise InvalidChangeError(f"no status {record['Status']!r}; {', '.join(CASE_STATUSES)}")
        closed_at = record["ClosedDate"] or record["SystemModstamp"]
        return {**record, "IsClosed": closed, "ClosedDate": closed_at if closed else None}

    def _follow_stage(self, record: Record) -> Record:
        for stage in self._records["OpportunityStage"].values():
            if stage["MasterLabel"] == record["StageName"]:
                return {
                    **record,
                    "IsClosed": stage["IsClosed"],
                    "IsWon": stage["IsWon"],
                    "Probability": stage["DefaultProbability"],
                    "ForecastCategory": stage["ForecastCategory"],
                    "ForecastCategoryName": stage["ForecastCategoryName"],
                }
        raise InvalidChangeError(f"no stage {record['StageName']!r} in OpportunityStage")

    def _of_kind(self, kind: str) -> dict[str, Record]:
        if kind not in self._records:
            raise UnknownRecordError(f"no kind {kind!r}; Salesforce has {', '.join(FIELDS)}")
        return self._records[kind]

    def _existing(self, kind: str, record_id: str) -> Record:
        self._of_kind(kind)
        record = self.get(kind, record_id)
        if record is None:
            raise UnknownRecordError(f"no {kind} {record_id}")
        return record

    def _put(self, kind: str, record: Record) -> Record:
        self._records[kind][record["Id"]] = record
        return record

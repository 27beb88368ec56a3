"""The Salesforce org: its records and what changing them means."""

from __future__ import annotations

from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import (
    from_milliseconds,
    salesforce_id,
    salesforce_time,
)
from ingestion.simulator.salesforce.objects import FIELDS, new_record
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
        return self._put(kind, self._follow_stage(kind, merged(blank, fields)))

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        record = merged(self._existing(kind, record_id), fields)
        now = salesforce_time(from_milliseconds(at))
        record["LastModifiedDate"] = record["SystemModstamp"] = now
        if "StageName" in fields:
            record = self._follow_stage(kind, record)
        return self._put(kind, record)

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Into the recycle bin; queryAll still finds it. Users can only be made inactive."""
        record = self._existing(kind, record_id)
        if "IsDeleted" not in FIELDS[kind]:
            raise InvalidChangeError(f"{kind} records cannot be deleted; set IsActive to false")
        return self.change(kind, record["Id"], {"IsDeleted": True}, at)

    def _follow_stage(self, kind: str, record: Record) -> Record:
        """What an opportunity's stage decides: whether it is closed and won, and how likely."""
        if kind != "Opportunity":
            return record
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

"""The Freshdesk account: its records, and what changing them means."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import from_milliseconds
from ingestion.simulator.company.identifiers import zendesk_time as time_text
from ingestion.simulator.freshdesk.contents import Contents
from ingestion.simulator.freshdesk.records import (
    PRIORITIES,
    STATUSES,
    new_company,
    new_contact,
    new_conversation,
    new_ticket,
)
from ingestion.simulator.vendor import (
    InvalidChangeError,
    UnknownRecordError,
    merged,
    required,
)

Record = dict[str, Any]

_NEW = {"company": new_company, "contact": new_contact, "ticket": new_ticket,
        "conversation": new_conversation}  # fmt: skip
_REQUIRED = {
    "company": ("name",),
    "contact": ("name",),
    "ticket": ("requester_id", "subject"),
    "conversation": ("ticket_id", "user_id", "body_text"),
}


class Helpdesk:
    """`now` is when something last happened here; the list of tickets looks back from it."""

    def __init__(self, company: Company) -> None:
        self.now: datetime = company.as_of
        self._records = {
            kind: {record["id"]: record for record in records}
            for kind, records in Contents(company).records.items()
        }

    def records(self, kind: str) -> list[Record]:
        return list(self._records[kind].values())

    def get(self, kind: str, record_id: int) -> Record | None:
        return self._records[kind].get(record_id)

    def create(self, kind: str, fields: Record, at: int) -> Record:
        records = self._of_kind(kind)
        if kind not in _NEW:
            raise InvalidChangeError("agents are invited at Freshdesk; they cannot be made here")
        required(fields, *_REQUIRED[kind])
        self.now = from_milliseconds(at)
        highest = max(records) if kind != "contact" else max(records | self._records["agent"])
        times = {"created_at": time_text(self.now), "updated_at": time_text(self.now)}
        given = {name: fields[name] for name in _REQUIRED[kind]}
        blank = _NEW[kind]({"id": highest + 3, **given, **times})
        record = self._put(kind, merged(blank, fields))
        if kind == "conversation":
            self.change("ticket", str(record["ticket_id"]), {}, at)
        return record

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        old = self._existing(kind, record_id)
        self.now = from_milliseconds(at)
        return self._put(kind, {**merged(old, fields), "updated_at": time_text(self.now)})

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Tickets and contacts go to the trash, companies and conversations are gone at once."""
        record = self._existing(kind, record_id)
        self.now = from_milliseconds(at)
        if kind == "agent":
            raise InvalidChangeError("an agent is not deleted but becomes a contact")
        if kind in ("ticket", "contact"):
            changed = {**record, "deleted": True, "updated_at": time_text(self.now)}
            return self._put(kind, changed)
        return self._records[kind].pop(record["id"])

    def _put(self, kind: str, record: Record) -> Record:
        if kind == "ticket":
            for name, known in (("status", STATUSES), ("priority", PRIORITIES)):
                if record[name] not in known:
                    raise InvalidChangeError(f"no {name} {record[name]}; there are {known}")
        self._records[kind][record["id"]] = record
        return record

    def _of_kind(self, kind: str) -> dict[int, Record]:
        if kind not in self._records:
            raise UnknownRecordError(f"no kind {kind!r}; Freshdesk has {', '.join(self._records)}")
        return self._records[kind]

    def _existing(self, kind: str, record_id: str) -> Record:
        record = self._of_kind(kind).get(int(record_id)) if record_id.isdigit() else None
        if record is None:
            raise UnknownRecordError(f"no {kind} {record_id}")
        return record

"""The Zendesk account: its records, how they are found, and what changing them means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import epoch, from_milliseconds, zendesk_time
from ingestion.simulator.table import Table
from ingestion.simulator.vendor import (
    InvalidChangeError,
    UnknownRecordError,
    merged,
    required,
)
from ingestion.simulator.zendesk.records import (
    CUSTOM_STATUSES,
    new_comment,
    new_organization,
    new_ticket,
    new_user,
)

Record = dict[str, Any]

# Closed tickets move to the archive 120 days after their last change: the ticket list leaves them
# out, the exports and the ticket's own address do not.
# https://support.zendesk.com/hc/en-us/articles/4408887617050
_ARCHIVED_AFTER = timedelta(days=120)
_NEW = {"user": new_user, "organization": new_organization}
_REQUIRED = {
    "ticket": ("requester_id",),
    "comment": ("ticket_id", "body"),
    "user": ("name",),
    "organization": ("name",),
}


def _id(record: Record) -> int:
    return int(record["id"])


def _changed_at(record: Record) -> int:
    return epoch(datetime.fromisoformat(record["updated_at"]))


class Desk:
    def __init__(self, company: Company) -> None:
        archive_before = zendesk_time(company.as_of - _ARCHIVED_AFTER)

        def listed(ticket: Record) -> bool:
            archived = ticket["status"] == "closed" and ticket["updated_at"] < archive_before
            return ticket["status"] != "deleted" and not archived

        records = company.zendesk
        self.tickets = Table(
            records["ticket"],
            listed_by=_id,
            changed_by=lambda ticket: ticket["generated_timestamp"],
            shown=listed,
            parent="organization_id",
            shown_to_parent=lambda ticket: ticket["status"] != "deleted",
        )
        self.users = Table(
            records["user"],
            listed_by=_id,
            changed_by=_changed_at,
            shown=lambda user: user["active"],
            parent="organization_id",
            shown_to_parent=lambda user: user["active"],
        )
        self.organizations = Table(
            records["organization"],
            listed_by=_id,
            changed_by=_changed_at,
            shown=lambda organization: organization["deleted_at"] is None,
        )
        self.comments = Table(
            records["comment"],
            listed_by=_id,
            changed_by=lambda comment: epoch(datetime.fromisoformat(comment["created_at"])),
            parent="ticket_id",
        )
        self._tables = {
            "ticket": self.tickets,
            "user": self.users,
            "organization": self.organizations,
            "comment": self.comments,
        }
        self._next_ids: dict[str, int] = {
            kind: max(record["id"] for record in found) + 4 for kind, found in records.items()
        }

    def create(self, kind: str, fields: Record, at: int) -> Record:
        """A new ticket needs requester_id, a comment ticket_id and body, the others a name.

        A ticket's description becomes its first comment, as in life.
        """
        table = self._table(kind)
        moment = from_milliseconds(at)
        now = zendesk_time(moment)
        values: Record = {"id": self._next_id(kind), "created_at": now, "updated_at": now}
        required(fields, *_REQUIRED[kind])
        if kind == "comment":
            return self._add_comment(fields, values["id"], moment)
        if kind == "ticket":
            requester = fields["requester_id"]
            blank = new_ticket(
                {**values, "generated_timestamp": epoch(moment), "requester_id": requester}
            )
            record = _consistent(merged({**blank, "raw_subject": None}, fields))
            table.put(record)
            first = {"ticket_id": record["id"], "body": record["description"]}
            self._add_comment(first, self._next_id("comment"), moment)
            return self.tickets.get(record["id"]) or record
        record = merged(_NEW[kind]({**values, "name": None}), fields)
        table.put(record)
        return record

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        table = self._table(kind)
        old = table.get(int(record_id)) if record_id.isdigit() else None
        if old is None:
            raise UnknownRecordError(f"no {kind} {record_id}")
        record = merged(old, fields)
        moment = from_milliseconds(at)
        if kind != "comment":
            record["updated_at"] = zendesk_time(moment)
        if kind == "ticket":
            record["generated_timestamp"] = epoch(moment)
            record = _consistent(record)
        table.put(record)
        return record

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Tickets get the status deleted, users become inactive, organizations a deletion time."""
        marks: dict[str, Record] = {
            "ticket": {"status": "deleted"},
            "user": {"active": False},
            "organization": {"deleted_at": zendesk_time(from_milliseconds(at))},
        }
        self._table(kind)
        if kind not in marks:
            raise UnknownRecordError("Zendesk cannot delete a comment; redact it by a change")
        return self.change(kind, record_id, marks[kind], at)

    def _add_comment(self, fields: Record, comment_id: int, moment: datetime) -> Record:
        ticket = self.tickets.get(fields["ticket_id"])
        if ticket is None:
            raise UnknownRecordError(f"no ticket {fields['ticket_id']} to comment on")
        blank = new_comment({"id": comment_id, "ticket_id": ticket["id"]})
        blank |= {
            "author_id": ticket["requester_id"],
            "body": "",
            "created_at": zendesk_time(moment),
        }
        comment = merged(blank, fields)
        self.comments.put(comment)
        stamp = {"updated_at": zendesk_time(moment), "generated_timestamp": epoch(moment)}
        self.tickets.put({**ticket, **stamp})
        return comment

    def _next_id(self, kind: str) -> int:
        self._next_ids[kind] += 4
        return self._next_ids[kind]

    def _table(self, kind: str) -> Table:
        if kind not in self._tables:
            raise UnknownRecordError(f"no kind {kind!r}; Zendesk has {', '.join(self._tables)}")
        return self._tables[kind]


def _consistent(ticket: Record) -> Record:
    """The ticket with the fields that Zendesk derives from others."""
    if ticket["status"] not in CUSTOM_STATUSES:
        raise InvalidChangeError(
            f"no status {ticket['status']!r}; a ticket is {', '.join(CUSTOM_STATUSES)}"
        )
    return {
        **ticket,
        "raw_subject": ticket["subject"],
        "fields": ticket["custom_fields"],
        "custom_status_id": CUSTOM_STATUSES[ticket["status"]],
    }

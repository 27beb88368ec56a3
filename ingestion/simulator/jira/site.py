"""The Jira site: its records, and what changing them means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import from_milliseconds
from ingestion.simulator.jira.contents import Contents
from ingestion.simulator.jira.records import (
    ORGANIZATIONS_FIELD,
    document,
    jira_time,
    new_comment,
    new_issue,
    new_organization,
    new_user,
)
from ingestion.simulator.vendor import (
    InvalidChangeError,
    UnknownRecordError,
    merged,
    required,
)

Record = dict[str, Any]

_KEY_OF = {"project": "key", "user": "accountId"}  # of the others, the id


class Site:
    """Issues, comments and all they name, by the key under which Jira gives them out."""

    def __init__(self, company: Company) -> None:
        self._records = {
            kind: {record[_KEY_OF.get(kind, "id")]: record for record in records}
            for kind, records in Contents(company).records.items()
        }
        self._create: dict[str, Callable[[Record, datetime], Record]] = {
            "user": self._new_user,
            "organization": self._new_organization,
            "issue": self._new_issue,
            "comment": self._new_comment,
        }

    def records(self, kind: str) -> list[Record]:
        return list(self._records[kind].values())

    def get(self, kind: str, key: str) -> Record | None:
        return self._records[kind].get(key)

    def comments(self, issue: str) -> list[Record]:
        """The comments of an issue, the oldest first."""
        return [one for one in self.records("comment") if one["issue"] == issue]

    def create(self, kind: str, fields: Record, at: int) -> Record:
        self._of_kind(kind)
        if kind not in self._create:
            raise InvalidChangeError("projects are made by administrators of the site")
        return self._create[kind](fields, from_milliseconds(at))

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        """Change a record; of an issue, what is below `fields`. A text is a comment's `body`."""
        old = self._existing(kind, record_id)
        now = jira_time(from_milliseconds(at))
        if kind == "issue":
            fields = {"fields": {**fields.get("fields", {}), "updated": now}}
        elif kind == "comment":
            if isinstance(fields.get("body"), str):
                fields = {**fields, "body": document(fields["body"])}
            fields = {**fields, "updated": now}
            self._touch(old["issue"], now)
        return self._put(kind, merged(old, fields))

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """A user stays, nameless and inactive; of all else nothing is left."""
        record = self._existing(kind, record_id)
        if kind == "project":
            raise InvalidChangeError("projects are deleted by administrators of the site")
        if kind == "user":
            gone = {"active": False, "displayName": "Former user"}
            kept = {name: value for name, value in record.items() if name != "emailAddress"}
            return self._put(kind, {**kept, **gone})
        if kind == "issue":
            for comment in self.comments(record["id"]):
                del self._records["comment"][comment["id"]]
        if kind == "comment":
            self._touch(record["issue"], jira_time(from_milliseconds(at)))
        if kind == "organization":
            for issue in self.records("issue"):
                shared = issue["fields"][ORGANIZATIONS_FIELD]
                if record["id"] in shared:
                    shared = [one for one in shared if one != record["id"]]
                    self._put("issue", merged(issue, {"fields": {ORGANIZATIONS_FIELD: shared}}))
        return self._records[kind].pop(record_id)

    def _new_user(self, fields: Record, _: datetime) -> Record:
        required(fields, "accountId", "displayName")
        return self._put("user", new_user(fields))

    def _new_organization(self, fields: Record, now: datetime) -> Record:
        required(fields, "name")
        number = self._next("organization")
        made = new_organization(number, f"{number:032x}", fields["name"], now)
        return self._put("organization", merged(made, fields))

    def _new_issue(self, fields: Record, now: datetime) -> Record:
        required(fields, "project", "summary", "reporter")
        project = self._existing("project", fields["project"])
        self._existing("user", fields["reporter"])
        number = 1 + sum(
            issue["fields"]["project"]["key"] == project["key"] for issue in self.records("issue")
        )
        given = {name: value for name, value in fields.items() if name != "project"}
        times = {"created": jira_time(now), "updated": jira_time(now)}
        made = new_issue(
            self._next("issue"), f"{project['key']}-{number}", project, {**given, **times}
        )
        return self._put("issue", made)

    def _new_comment(self, fields: Record, now: datetime) -> Record:
        required(fields, "issue", "author", "body")
        self._existing("user", fields["author"])
        now_text = jira_time(now)
        self._touch(self._existing("issue", fields["issue"])["id"], now_text)
        made = {"id": str(self._next("comment")), **fields, "body": document(fields["body"]),
                "created": now_text, "updated": now_text}  # fmt: skip
        return self._put("comment", new_comment(made))

    def _touch(self, issue: str, now: str) -> None:
        self._put("issue", merged(self._existing("issue", issue), {"fields": {"updated": now}}))

    def _next(self, kind: str) -> int:
        return 1 + max(int(key) for key in self._records[kind])

    def _put(self, kind: str, record: Record) -> Record:
        self._records[kind][record[_KEY_OF.get(kind, "id")]] = record
        return record

    def _of_kind(self, kind: str) -> dict[str, Record]:
        if kind not in self._records:
            raise UnknownRecordError(f"no kind {kind!r}; Jira has {', '.join(self._records)}")
        return self._records[kind]

    def _existing(self, kind: str, key: str) -> Record:
        record = self._of_kind(kind).get(key)
        if record is None:
            raise UnknownRecordError(f"no {kind} {key}")
        return record

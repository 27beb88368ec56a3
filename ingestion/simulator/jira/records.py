"""Whole Jira records, from the fields that matter."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

Record = dict[str, Any]

# The profile of the agent whose token it is: all times are told in its zone.
TIME_ZONE = ZoneInfo("America/New_York")

_CATEGORIES = {
    "new": {"id": 2, "key": "new", "colorName": "blue-gray", "name": "To Do"},
    "indeterminate": {
        "id": 4, "key": "indeterminate", "colorName": "yellow", "name": "In Progress",
    },
    "done": {"id": 3, "key": "done", "colorName": "green", "name": "Done"},
}  # fmt: skip
# By id. The first six come with every service project, the last is the site's own.
_STATUSES = {
    "1": ("Open", "new"),
    "10000": ("Waiting for support", "indeterminate"),
    "10001": ("Waiting for customer", "indeterminate"),
    "10002": ("Pending", "indeterminate"),
    "5": ("Resolved", "done"),
    "6": ("Closed", "done"),
    "10103": ("In forensic review", "indeterminate"),
}
# The first five come with every site; their names may be changed, as the fourth's was.
_PRIORITIES = {"1": "Highest", "2": "High", "3": "Medium", "4": "Whenever", "5": "Lowest",
               "10100": "Critical", "10101": "Ask the boss"}  # fmt: skip

ORGANIZATIONS_FIELD = "customfield_10002"
SLA_FIELD = "customfield_10030"


def jira_time(moment: datetime) -> str:
    """As `2026-10-01T09:00:00.000-0400`."""
    local = moment.astimezone(TIME_ZONE)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def document(text: str) -> Record:
    """A text in Atlassian Document Format, a paragraph for each that blank lines part."""
    return {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": _lines(paragraph)}
            for paragraph in text.split("\n\n")
            if paragraph
        ],
    }


def _lines(paragraph: str) -> list[Record]:
    parts: list[Record] = []
    for line in filter(None, paragraph.split("\n")):
        parts += [{"type": "hardBreak"}] if parts else []
        parts.append({"type": "text", "text": line})
    return parts


def status(status_id: str) -> Record:
    name, category = _STATUSES[status_id]
    return {"id": status_id, "name": name, "description": "",
            "statusCategory": _CATEGORIES[category]}  # fmt: skip


def priority(priority_id: str) -> Record:
    return {"id": priority_id, "name": _PRIORITIES[priority_id]}


def new_user(values: Record) -> Record:
    """A user from at least accountId and displayName; without an e-mail address it is hidden."""
    return {
        "accountType": "atlassian",
        "active": True,
        "avatarUrls": {"48x48": f"https://avatar.example/{values['accountId']}"},
        "timeZone": "Europe/Berlin",
        "locale": "en_US",
        **values,
    }


def new_organization(number: int, uuid: str, name: str, created: datetime) -> Record:
    return {
        "id": str(number),
        "uuid": uuid,
        "name": name,
        "created": {
            "iso8601": jira_time(created)[:19] + jira_time(created)[23:],
            "jira": jira_time(created),
            "friendly": f"{created:%d/%b/%y}",
            "epochMillis": int(created.timestamp() * 1000),
        },
        "scimManaged": False,
    }


def new_issue(number: int, key: str, project: Record, values: Record) -> Record:
    """An issue from the fields reporter, summary, created and updated at least."""
    fields = {
        "project": {name: project[name] for name in ("id", "key", "name", "projectTypeKey")},
        "issuetype": {"id": "10010", "name": "Service request", "subtask": False},
        "status": status("1"),
        "statuscategorychangedate": values["created"],
        "priority": priority("3"),
        "resolution": None,
        "resolutiondate": None,
        "description": None,
        "assignee": None,
        "creator": values["reporter"],
        "labels": [],
        "duedate": None,
        "environment": None,
        "components": [],
        "lastViewed": None,
        "watches": {"watchCount": 1, "isWatching": False},
        "votes": {"votes": 0, "hasVoted": False},
        "subtasks": [],
        "issuelinks": [],
        "attachment": [],
        ORGANIZATIONS_FIELD: [],
        SLA_FIELD: None,
        "customfield_10050": None,  # product area, chosen from a list
        "customfield_10051": None,  # order number
        "customfield_10019": f"0|i{number:05x}:",  # rank
        **values,
    }
    return {"id": str(number), "key": key, "fields": fields}


def new_comment(values: Record) -> Record:
    """A comment from at least id, issue, author, body, created and updated."""
    return {"jsdPublic": True, "updateAuthor": values["author"], **values}


_FIELDS = (
    # id, name, schema
    ("summary", "Summary", {"type": "string", "system": "summary"}),
    ("description", "Description", {"type": "string", "system": "description"}),
    ("status", "Status", {"type": "status", "system": "status"}),
    ("priority", "Priority", {"type": "priority", "system": "priority"}),
    ("reporter", "Reporter", {"type": "user", "system": "reporter"}),
    ("updated", "Updated", {"type": "datetime", "system": "updated"}),
    (ORGANIZATIONS_FIELD, "Organizations", {
        "type": "array", "items": "sd-customerorganization",
        "custom": "com.atlassian.servicedesk:sd-customer-organizations", "customId": 10002,
    }),
    (SLA_FIELD, "Time to resolution", {
        "type": "sd-servicelevelagreement",
        "custom": "com.atlassian.servicedesk:sd-sla-field", "customId": 10030,
    }),
    ("customfield_10050", "Product area", {
        "type": "option", "customId": 10050,
        "custom": "com.atlassian.jira.plugin.system.customfieldtypes:select",
    }),
    ("customfield_10051", "Order number", {
        "type": "string", "customId": 10051,
        "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield",
    }),
    ("customfield_10019", "Rank", {
        "type": "any", "custom": "com.pyxis.greenhopper.jira:gh-lexo-rank", "customId": 10019,
    }),
)  # fmt: skip

FIELDS: tuple[Record, ...] = tuple(
    {
        "id": name,
        "key": name,
        "name": title,
        "custom": "custom" in schema,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [title],
        "schema": schema,
    }
    for name, title, schema in _FIELDS
)

"""Whole Zendesk records, as the Support API writes them, from the fields that matter."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

# The address that records name as their own. It stays the same wherever the simulator listens,
# so that a record does not change its content with the port.
HOME = "https://northbeam.zendesk.example/api/v2"

BRAND_ID = 360_000_017_318
TICKET_FORM_ID = 360_000_093_274
GROUPS = {
    "Support": 360_004_200_001,
    "Legal": 360_004_200_002,
    "Security": 360_004_200_003,
    "Finance": 360_004_200_004,
}
# Custom ticket fields by id.
PRODUCT_AREA_FIELD = 360_021_000_101
ORDER_NUMBER_FIELD = 360_021_000_102

# The custom status that stands for each built-in one.
CUSTOM_STATUSES = {
    "new": 8_801,
    "open": 8_802,
    "pending": 8_803,
    "hold": 8_804,
    "solved": 8_805,
    "closed": 8_805,
    "deleted": 8_805,
}
_EMPTY_LIST: list[Any] = []
_COMMENT_METADATA = {
    "system": {"client": None, "ip_address": None, "latitude": None, "longitude": None},
    "custom": {},
}
_VIAS: dict[str, Record] = {
    channel: {"channel": channel, "source": {"from": {}, "to": {}, "rel": None}}
    for channel in ("web", "email", "api", "chat", "mobile", "voice")
}


def via(channel: str) -> Record:
    """Where something came in; one shared object a channel."""
    return _VIAS[channel]


def new_ticket(values: Record) -> Record:
    """A ticket from at least id, created_at, updated_at, generated_timestamp and requester_id."""
    custom_fields = values.get("custom_fields", _EMPTY_LIST)
    status = values.get("status", "new")
    return {
        "url": f"{HOME}/tickets/{values['id']}.json",
        "external_id": None,
        "via": via("web"),
        "type": None,
        "subject": None,
        "raw_subject": values.get("subject"),
        "description": "",
        "priority": None,
        "status": status,
        "recipient": None,
        "submitter_id": values["requester_id"],
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "collaborator_ids": _EMPTY_LIST,
        "follower_ids": _EMPTY_LIST,
        "email_cc_ids": _EMPTY_LIST,
        "forum_topic_id": None,
        "problem_id": None,
        "has_incidents": False,
        "is_public": True,
        "due_at": None,
        "tags": _EMPTY_LIST,
        "custom_fields": custom_fields,
        "fields": custom_fields,
        "satisfaction_rating": None,
        "sharing_agreement_ids": _EMPTY_LIST,
        "custom_status_id": CUSTOM_STATUSES[status],
        "followup_ids": _EMPTY_LIST,
        "ticket_form_id": TICKET_FORM_ID,
        "brand_id": BRAND_ID,
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
        **values,
    }


def new_user(values: Record) -> Record:
    """A user from at least id, name, created_at and updated_at; an end user unless told."""
    return {
        "url": f"{HOME}/users/{values['id']}.json",
        "email": None,
        "time_zone": "UTC",
        "iana_time_zone": "Etc/UTC",
        "phone": None,
        "shared_phone_number": None,
        "photo": None,
        "locale_id": 1,
        "locale": "en-US",
        "organization_id": None,
        "role": "end-user",
        "verified": True,
        "external_id": None,
        "tags": _EMPTY_LIST,
        "alias": None,
        "active": True,
        "shared": False,
        "shared_agent": False,
        "last_login_at": None,
        "two_factor_auth_enabled": None,
        "signature": None,
        "details": None,
        "notes": None,
        "role_type": None,
        "custom_role_id": None,
        "moderator": False,
        "ticket_restriction": "requested",
        "only_private_comments": False,
        "restricted_agent": True,
        "suspended": False,
        "default_group_id": None,
        "report_csv": False,
        "user_fields": {},
        **values,
    }


def new_organization(values: Record) -> Record:
    """An organization from at least id, name, created_at and updated_at."""
    return {
        "url": f"{HOME}/organizations/{values['id']}.json",
        "shared_tickets": False,
        "shared_comments": False,
        "external_id": None,
        "domain_names": _EMPTY_LIST,
        "details": None,
        "notes": None,
        "group_id": None,
        "tags": _EMPTY_LIST,
        "organization_fields": {"region": None, "contract_end": None},
        "deleted_at": None,
        **values,
    }


def new_comment(values: Record) -> Record:
    """A comment from at least id, ticket_id, author_id, body and created_at.

    `ticket_id` is how the simulator files it; `comment_answer` leaves it out, as Zendesk does.
    """
    return {
        "type": "Comment",
        "public": True,
        "audit_id": values["id"] - 1,
        "via": via("web"),
        "attachments": _EMPTY_LIST,
        "metadata": _COMMENT_METADATA,
        **values,
    }


def comment_answer(comment: Record) -> Record:
    """A comment the way the API shows it: the body as text, as HTML, and as plain text."""
    body = comment["body"]
    answer = dict(comment)
    del answer["ticket_id"]
    answer["html_body"] = f'<div class="zd-comment" dir="auto">{_as_html(body)}</div>'
    answer["plain_body"] = body
    return answer


def _as_html(body: str) -> str:
    """Paragraphs of a body. Markup in it stays markup, as mails bring it in."""
    paragraphs = body.replace("\n\n", "</p><p>").replace("\n", "<br>")
    return f"<p>{paragraphs}</p>"

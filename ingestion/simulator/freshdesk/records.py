"""Whole Freshdesk records, from the fields that matter."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

# By number; Freshdesk has four of its own, and every account begins with two more.
STATUSES = {2: "Open", 3: "Pending", 4: "Resolved", 5: "Closed", 6: "Waiting on Customer",
            7: "Waiting on Third Party", 8: "In Review"}  # fmt: skip
PRIORITIES = {1: "Low", 2: "Medium", 3: "High", 4: "Urgent"}
SOURCES = {1: "Email", 2: "Portal", 3: "Phone", 7: "Chat"}


def new_company(values: Record) -> Record:
    """A company from at least id, name and its two times."""
    return {
        "description": None,
        "note": None,
        "domains": [],
        "custom_fields": {"region": None, "salesforce_account_id": None, "onboarding": None},
        "health_score": None,
        "account_tier": None,
        "renewal_date": None,
        "industry": None,
        "org_company_id": None,
        **values,
    }


def new_contact(values: Record) -> Record:
    """A contact from at least id, name and its two times."""
    return {
        "active": True,
        "address": None,
        "company_id": None,
        "description": None,
        "email": None,
        "job_title": None,
        "language": "en",
        "mobile": None,
        "phone": None,
        "time_zone": "UTC",
        "twitter_id": None,
        "custom_fields": {"nickname": None},
        "facebook_id": None,
        "external_id": None,
        "unique_external_id": None,
        **values,
    }


def new_agent(agent_id: int, person: Record, since: str) -> Record:
    return {
        "available": False,
        "occasional": False,
        "id": agent_id,
        "ticket_scope": 1,
        "signature": None,
        "created_at": since,
        "updated_at": since,
        "last_active_at": None,
        "available_since": None,
        "type": "support_agent",
        "contact": {
            "active": True,
            "job_title": None,
            "language": "en",
            "last_login_at": None,
            "mobile": None,
            "phone": None,
            "time_zone": "UTC",
            "created_at": since,
            "updated_at": since,
            **person,
        },
        "deactivated": False,
    }


def new_ticket(values: Record) -> Record:
    """A ticket from at least id, requester_id and its two times."""
    return {
        "cc_emails": [],
        "fwd_emails": [],
        "reply_cc_emails": [],
        "ticket_cc_emails": [],
        "fr_escalated": False,
        "spam": False,
        "email_config_id": None,
        "group_id": None,
        "priority": 1,
        "responder_id": None,
        "source": 2,
        "company_id": None,
        "status": 2,
        "subject": None,
        "association_type": None,
        "support_email": None,
        "to_emails": None,
        "product_id": None,
        "type": None,
        "due_by": None,
        "fr_due_by": None,
        "is_escalated": False,
        "custom_fields": {"cf_product_area": None, "cf_order_number": None},
        "associated_tickets_count": None,
        "tags": [],
        "description": "",
        "description_text": "",
        **values,
    }


def new_conversation(values: Record) -> Record:
    """A reply or note from at least id, ticket_id, user_id, body_text and its two times."""
    text = values["body_text"]
    return {
        "body": f"<div>{text}</div>",
        "incoming": False,
        "private": False,
        "support_email": None,
        "source": 0,
        "category": 1,
        "to_emails": [],
        "from_email": None,
        "cc_emails": [],
        "bcc_emails": None,
        "attachments": [],
        **values,
    }

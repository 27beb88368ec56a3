"""HubSpot's tickets from the API to rows, and what was said about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from ingestion.mapping.text import clean
from ingestion.simulator.hubspot.portal import Portal
from tests.ingestion.connectors.hubspot_records import records_of, row_of, rows_of_stream
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]

TICKET_STATUSES = {
    "New": "NEW", "Waiting on contact": "PENDING", "Waiting on us": "OPEN", "Closed": "CLOSED",
    # stages of the account's own: the first, one between, and one that it says is closed
    "Kick-off": "NEW", "Data import": "OPEN", "Live": "CLOSED",
}  # fmt: skip
TICKET_PRIORITIES = {"LOW": "LOW", "MEDIUM": "NORMAL", "HIGH": "HIGH", "URGENT": "URGENT"}


def test_tickets_follow_the_stages_of_the_account(filled: Index) -> None:
    portal = Portal(filled.simulator.company)
    labels = {s["id"]: s["label"] for p in portal.pipelines["tickets"] for s in p["stages"]}
    for row in filled.rows("ticket", source="hubspot"):
        record = portal.get("tickets", row["remote_id"])
        assert record is not None
        given = record["properties"]
        label = labels[given["hs_pipeline_stage"]]
        assert (row["status"], row["status_raw"]) == (TICKET_STATUSES[label], label)
        priority = given["hs_ticket_priority"]
        assert row["priority"] == (priority and TICKET_PRIORITIES[priority])
        assert (row["subject"], row["channel"]) == (given["subject"], given["source_type"])
        assert row["custom"] == {"product_area": given["product_area"]}


def test_who_asks_is_the_contact_of_a_ticket(filled: Index) -> None:
    contacts = {row["id"]: row["remote_id"] for row in filled.rows("contact", source="hubspot")}
    records = records_of(filled, "tickets")
    asked = set()
    for row in filled.rows("ticket", source="hubspot"):
        (contact,) = records[row["remote_id"]]["associations"].get("contacts", (None,))
        assert contacts.get(row["requester_id"]) == contact
        asked.add(contact is None)
    assert asked == {True, False}  # a ticket of nobody is there all the same


def test_notes_are_internal_and_e_mails_public(filled: Index) -> None:
    tickets = {row["id"]: row["remote_id"] for row in filled.rows("ticket", source="hubspot")}
    owners = {row["id"]: row["remote_id"] for row in filled.rows("user", source="hubspot")}
    for kind, body in (("notes", "hs_note_body"), ("emails", "hs_email_text")):
        records = records_of(filled, kind)
        for row in rows_of_stream(filled, kind, "comment"):
            given = records[row["remote_id"]]["properties"]
            assert row["body"] == clean(given[body])
            assert row["public"] is (kind == "emails")
            assert [tickets[row["ticket_id"]]] == records[row["remote_id"]]["associations"][
                "tickets"
            ]
            assert row["created_at"] == datetime.fromisoformat(given["hs_timestamp"])
            assert owners.get(row["author_id"]) == given["hubspot_owner_id"]
            ticket = f"/contacts/48211177/record/0-5/{tickets[row['ticket_id']]}"
            assert row["remote_url"].endswith(ticket)


EMAILS: list[tuple[Record, bool, bool]] = [
    # what it says of itself, whether it is public, whether its owner wrote it
    ({"hs_email_direction": "EMAIL", "hs_email_status": "SENT"}, True, True),
    # it has reached nobody
    ({"hs_email_direction": "EMAIL", "hs_email_status": "SCHEDULED"}, False, True),
    # the owner is who answers it
    ({"hs_email_direction": "INCOMING_EMAIL"}, True, False),
    # somebody else's, which the owner handed on
    ({"hs_email_direction": "FORWARDED_EMAIL"}, True, False),
]


@pytest.mark.parametrize(("given", "public", "by_owner"), EMAILS)
def test_an_e_mail_is_public_once_sent_and_by_its_owner_if_going_out(
    synced: Index, given: Record, public: bool, by_owner: bool
) -> None:
    owner = synced.rows("user", source="hubspot")[0]
    properties = {"hs_timestamp": "2026-11-02T00:00:00Z", "hs_email_html": "<b>New</b>",
                  "hubspot_owner_id": owner["remote_id"]}  # fmt: skip
    # It belongs to one ticket, the older one.
    newer, older = sorted(records_of(synced, "tickets"), key=int, reverse=True)[:2]
    email = synced.simulator.create(
        "hubspot", "emails",
        properties={**properties, **given}, associations={"tickets": [newer, older]},
    )  # fmt: skip
    report = synced.sync("hubspot")
    assert {s.stream: s.written for s in report.streams if s.written} == {"emails": 1}
    row = row_of(synced, "comment", email["id"])
    assert (row["body"], row["public"]) == ("New", public)
    assert row["author_id"] == (owner["id"] if by_owner else None)
    assert row["ticket_id"] == row_of(synced, "ticket", older)["id"]

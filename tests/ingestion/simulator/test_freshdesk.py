"""The simulated Freshdesk.

Freshdesk publishes neither a machine's description of its API nor a client, so what
https://developers.freshdesk.com/api/ says of each record is written down here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from ingestion.simulator import Company, Simulator


@pytest.fixture(scope="module")
def desk(company: Company) -> Iterator[Simulator]:
    with Simulator(company, vendors=["freshdesk"]) as sim:
        yield sim


def _http(sim: Simulator, key: str | None = None) -> httpx.Client:
    return httpx.Client(
        base_url=f"{sim.urls['freshdesk']}/api/v2",
        auth=(key or sim.credentials["freshdesk"]["api_key"], "X"),
        timeout=20,
        trust_env=False,
    )


@pytest.fixture
def http(desk: Simulator) -> Iterator[httpx.Client]:
    with _http(desk) as client:
        yield client


def _all(http: httpx.Client, path: str, **query: Any) -> list[Any]:
    """All pages, by the header Link."""
    answer = http.get(path, params=query)
    found: list[Any] = answer.json()
    while "next" in answer.links:
        answer = http.get(answer.links["next"]["url"])
        found += answer.json()
    return found


_ADDRESS = (int, type(None))
_TEXT = (str, type(None))
SHAPES: list[tuple[str, dict[str, Any]]] = [
    # path; fields and their types
    ("/companies", {
        "id": int, "name": str, "description": _TEXT, "note": _TEXT, "domains": list,
        "custom_fields": dict, "health_score": _TEXT, "account_tier": _TEXT,
        "renewal_date": _TEXT, "industry": _TEXT, "org_company_id": _ADDRESS,
        "created_at": str, "updated_at": str,
    }),
    ("/contacts", {
        "id": int, "name": str, "active": bool, "address": _TEXT, "company_id": _ADDRESS,
        "description": _TEXT, "email": _TEXT, "job_title": _TEXT, "language": str,
        "mobile": _TEXT, "phone": _TEXT, "time_zone": str, "twitter_id": _TEXT,
        "custom_fields": dict, "facebook_id": _TEXT, "external_id": _TEXT,
        "unique_external_id": _TEXT, "created_at": str, "updated_at": str,
    }),
    ("/agents", {
        "id": int, "available": bool, "occasional": bool, "ticket_scope": int, "type": str,
        "signature": _TEXT, "contact": dict, "deactivated": bool, "last_active_at": _TEXT,
        "available_since": _TEXT, "created_at": str, "updated_at": str,
    }),
    ("/tickets?updated_since=2000-01-01T00:00:00Z", {
        "id": int, "subject": _TEXT, "status": int, "priority": int, "source": int, "type": _TEXT,
        "requester_id": int, "responder_id": _ADDRESS, "company_id": _ADDRESS,
        "group_id": _ADDRESS, "product_id": _ADDRESS, "email_config_id": _ADDRESS, "tags": list,
        "cc_emails": list, "fwd_emails": list, "reply_cc_emails": list, "ticket_cc_emails": list,
        "to_emails": (list, type(None)), "spam": bool, "is_escalated": bool,
        "fr_escalated": bool, "due_by": _TEXT, "fr_due_by": _TEXT, "custom_fields": dict,
        "association_type": _ADDRESS, "associated_tickets_count": _ADDRESS,
        "support_email": _TEXT, "created_at": str, "updated_at": str,
    }),
    ("/tickets/1/conversations", {
        "id": int, "ticket_id": int, "user_id": int, "body": str, "body_text": str,
        "incoming": bool, "private": bool, "source": int, "category": int,
        "support_email": _TEXT, "to_emails": list, "from_email": _TEXT, "cc_emails": list,
        "bcc_emails": (list, type(None)), "attachments": list, "created_at": str,
        "updated_at": str,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields"), SHAPES)
def test_records_are_as_the_documentation_says(
    http: httpx.Client, path: str, fields: dict[str, Any]
) -> None:
    records = http.get(path).json()
    assert records
    for record in records:
        assert record.keys() == fields.keys()
        wrong = [name for name, type_ in fields.items() if not isinstance(record[name], type_)]
        assert wrong == []


def test_only_tickets_of_the_last_thirty_days_are_listed_unasked(
    http: httpx.Client, company: Company
) -> None:
    since = company.as_of - timedelta(days=30)
    plain = _all(http, "/tickets")
    assert plain
    assert all(datetime.fromisoformat(ticket["created_at"]) >= since for ticket in plain)
    everything = _all(http, "/tickets", updated_since="2000-01-01T00:00:00Z")
    assert len(everything) > 5 * len(plain)
    assert not any(ticket.get("deleted") or ticket["spam"] for ticket in everything)


def test_orders_pages_and_views(http: httpx.Client) -> None:
    asked = {"updated_since": "2000-01-01T00:00:00Z", "order_by": "updated_at", "per_page": 7}
    rising = _all(http, "/tickets", order_type="asc", **asked)
    falling = _all(http, "/tickets", **asked)
    assert [ticket["id"] for ticket in rising] == [ticket["id"] for ticket in falling][::-1]
    times = [ticket["updated_at"] for ticket in rising]
    assert times == sorted(times)
    (trash,) = _all(http, "/tickets", filter="deleted", updated_since="2000-01-01T00:00:00Z")
    assert trash["deleted"] is True
    (junk,) = _all(http, "/tickets", filter="spam", updated_since="2000-01-01T00:00:00Z")
    assert junk["spam"] is True


def test_includes(http: httpx.Client) -> None:
    (plain,) = http.get("/tickets?per_page=1").json()
    (full,) = http.get("/tickets?per_page=1&include=description,requester,stats").json()
    assert full.keys() - plain.keys() == {"description", "description_text", "requester", "stats"}
    assert full["requester"]["id"] == full["requester_id"]


REFUSALS = [
    # path and query, the field that is named
    ("/tickets?per_page=101", "per_page"),
    ("/tickets?page=0", "page"),
    ("/tickets?page=301", "page"),  # beyond the last page there is
    ("/tickets?order_by=subject", "order_by"),
    ("/tickets?filter=mine", "filter"),
    ("/tickets?include=everything", "include"),
    ("/tickets?updated_since=yesterday", "updated_since"),
    ("/contacts?state=happy", "state"),
]


@pytest.mark.parametrize(("path", "field"), REFUSALS)
def test_refusals_name_the_field(http: httpx.Client, path: str, field: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_strangers_and_what_is_not_there(desk: Simulator, http: httpx.Client) -> None:
    with _http(desk, "other") as stranger:
        refused = stranger.get("/tickets")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    missing = http.get("/tickets/999999")
    assert (missing.status_code, missing.content) == (404, b"")


def test_changes(company: Company) -> None:
    with Simulator(company, vendors=["freshdesk"]) as sim, _http(sim) as http:
        contact = sim.create("freshdesk", "contact", name="Fresh", email="a@fresh.example")
        ticket = sim.create("freshdesk", "ticket", requester_id=contact["id"], subject="Fire")
        note = sim.create(
            "freshdesk", "conversation", ticket_id=ticket["id"], user_id=contact["id"],
            body_text="Still burning.", private=True,
        )  # fmt: skip
        newest = _all(http, f"/tickets/{ticket['id']}/conversations")
        assert [found["id"] for found in newest] == [note["id"]]
        (first, *_) = http.get("/tickets?order_by=updated_at").json()
        assert first["id"] == ticket["id"]
        sim.delete("freshdesk", "ticket", ticket["id"])
        assert ticket["id"] not in {t["id"] for t in _all(http, "/tickets")}
        sim.delete("freshdesk", "contact", contact["id"])
        assert http.get(f"/contacts/{contact['id']}").status_code == 404
        assert contact["id"] in {c["id"] for c in _all(http, "/contacts", state="deleted")}
        sim.fault("freshdesk", "rate_limited", times=1, retry_after=7)
        limited = http.get("/tickets")
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")

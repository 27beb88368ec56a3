from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ingestion.simulator import Company, Simulator, build_company
from tests.ingestion.simulator.clients import Zendesk

Record = dict[str, Any]


def every(pages: Any, name: str) -> list[Record]:
    return [record for page in pages for record in page[name]]


def test_cursor_export_gives_each_ticket_once_in_order_of_change(shared: Simulator) -> None:
    pages = list(
        Zendesk(shared).pages("/incremental/tickets/cursor.json", start_time=0, per_page=300)
    )
    tickets = every(pages, "tickets")
    stamps = [ticket["generated_timestamp"] for ticket in tickets]
    assert stamps == sorted(stamps)
    ids = [ticket["id"] for ticket in tickets]
    assert sorted(ids) == [ticket["id"] for ticket in shared.company.zendesk["ticket"]]
    assert [page["end_of_stream"] for page in pages] == [False] * (len(pages) - 1) + [True]
    assert "deleted" in {ticket["status"] for ticket in tickets}


def test_cursor_export_starts_at_a_time(shared: Simulator) -> None:
    tickets = shared.company.zendesk["ticket"]
    start = sorted(ticket["generated_timestamp"] for ticket in tickets)[-50]
    zendesk = Zendesk(shared)
    found = every(zendesk.pages("/incremental/tickets/cursor", start_time=start), "tickets")
    assert {t["id"] for t in found} == {
        ticket["id"] for ticket in tickets if ticket["generated_timestamp"] >= start
    }
    after_all = zendesk.get("/incremental/tickets/cursor", start_time=start + 10**8)
    assert after_all["tickets"] == []
    assert after_all["end_of_stream"]
    assert after_all["after_cursor"]


def test_users_by_cursor_have_the_deleted_ones_too(shared: Simulator) -> None:
    users = every(
        Zendesk(shared).pages("/incremental/users/cursor.json", start_time=0, per_page=100),
        "users",
    )
    assert len(users) == len({user["id"] for user in users})
    assert {user["active"] for user in users} == {True, False}


@pytest.mark.parametrize("per_page", [1, 7, 1000])
def test_time_export_misses_nothing_and_ends(shared: Simulator, per_page: int) -> None:
    pages = list(
        Zendesk(shared).pages("/incremental/organizations", start_time=0, per_page=per_page)
    )
    seen = {record["id"] for record in every(pages, "organizations")}
    assert seen == {record["id"] for record in shared.company.zendesk["organization"]}
    assert all(page["count"] == len(page["organizations"]) for page in pages)
    assert pages[-1]["end_of_stream"]


def test_time_export_gets_past_a_crowded_second() -> None:
    """Many records of one second do not fit a page, and must not be returned for ever."""
    # Changes follow the company's date when that lies ahead, so these share one second.
    company = build_company(scale=0.01, as_of=datetime(2100, 1, 1, tzinfo=UTC))
    with Simulator(company) as sim:
        for organization in company.zendesk["organization"][:4]:
            sim.change("zendesk", "organization", organization["id"], name="crowd")
        pages = list(Zendesk(sim).pages("/incremental/organizations", start_time=0, per_page=2))
    crowd = {
        o["id"]: o["updated_at"] for o in every(pages, "organizations") if o["name"] == "crowd"
    }
    assert len(crowd) == 4
    assert set(crowd.values()) == {"2100-01-01T00:00:00Z"}


def test_ticket_events_carry_the_comments(shared: Simulator) -> None:
    zendesk = Zendesk(shared)
    pages = zendesk.pages(
        "/incremental/ticket_events.json", start_time=0, include="comment_events", per_page=1000
    )
    events = every(pages, "ticket_events")
    comments = {
        child["id"]: (event, child)
        for event in events
        for child in event["child_events"]
        if child["event_type"] == "Comment"
    }
    expected = {comment["id"]: comment for comment in shared.company.zendesk["comment"]}
    assert comments.keys() == expected.keys()
    for comment_id, (event, child) in comments.items():
        assert event["ticket_id"] == expected[comment_id]["ticket_id"]
        assert child["body"] == child["plain_body"] == expected[comment_id]["body"]
        assert child["html_body"].startswith('<div class="zd-comment"')
        assert isinstance(child["public"], bool)
    # Other kinds of child events are among them, as in life.
    assert any(child["event_type"] != "Comment" for e in events for child in e["child_events"])


def test_ticket_events_without_the_include_have_no_text(shared: Simulator) -> None:
    page = Zendesk(shared).get("/incremental/ticket_events.json", start_time=0, per_page=5)
    children = [child for event in page["ticket_events"] for child in event["child_events"]]
    assert not any("body" in child for child in children)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("organizations", lambda record: record["deleted_at"] is None),
        ("users", lambda record: record["active"]),
        # Closed tickets are archived after 120 days, and then no longer in the list.
        (
            "tickets",
            lambda record: (
                record["status"] != "deleted"
                and not (record["status"] == "closed" and record["updated_at"] < "2026-07-04")
            ),
        ),
    ],
)
def test_lists_by_cursor(shared: Simulator, path: str, shown: Any) -> None:
    pages = list(Zendesk(shared).pages(f"/{path}.json", **{"page[size]": 90}))
    assert {len(page[path]) for page in pages[:-1]} <= {90}
    assert [page["meta"]["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    ids = [record["id"] for record in every(pages, path)]
    expected = [r["id"] for r in shared.company.zendesk[path.removesuffix("s")] if shown(r)]
    assert ids == sorted(expected)


def test_lists_by_page_number(shared: Simulator) -> None:
    pages = list(Zendesk(shared).pages("/users", per_page=40))
    ids = [record["id"] for record in every(pages, "users")]
    assert len(ids) == len(set(ids)) == pages[0]["count"]
    assert pages[0]["previous_page"] is None


def test_tickets_and_comments_by_their_parents(shared: Simulator) -> None:
    zendesk = Zendesk(shared)
    acme = shared.company.customer("acme").organizations[0]
    tickets = every(
        zendesk.pages(f"/organizations/{acme}/tickets.json", **{"page[size]": 5}), "tickets"
    )
    assert len([t for t in tickets if t["status"] in ("new", "open", "pending", "hold")]) == 7
    ticket = tickets[0]
    assert zendesk.get(f"/tickets/{ticket['id']}.json")["ticket"] == ticket
    comments = zendesk.get(f"/tickets/{ticket['id']}/comments.json")["comments"]
    assert comments[0]["body"] == ticket["description"]
    assert "ticket_id" not in comments[0]


def test_single_records(shared: Simulator) -> None:
    zendesk = Zendesk(shared)
    acme = shared.company.customer("acme").organizations[0]
    assert zendesk.get(f"/organizations/{acme}.json")["organization"]["name"] == "ACME Corp."
    user = shared.company.zendesk["user"][0]
    assert zendesk.get(f"/users/{user['id']}.json")["user"] == user


def test_deleted_tickets_have_a_list_of_their_own(shared: Simulator) -> None:
    listed = every(Zendesk(shared).pages("/deleted_tickets.json", per_page=10), "deleted_tickets")
    deleted = [t["id"] for t in shared.company.zendesk["ticket"] if t["status"] == "deleted"]
    assert [ticket["id"] for ticket in listed] == deleted
    assert listed[0]["deleted_at"]


def test_a_deleted_ticket_is_not_found(shared: Simulator, http: httpx.Client) -> None:
    deleted = next(t for t in shared.company.zendesk["ticket"] if t["status"] == "deleted")
    token = shared.credentials["zendesk"]["access_token"]
    answer = http.get(
        f"{shared.zendesk_url}/api/v2/tickets/{deleted['id']}.json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 404
    assert answer.json() == {"error": "RecordNotFound", "description": "Not found"}


@pytest.mark.parametrize(
    "auth",
    [
        None,  # nobody
        ("integrations@northbeam.example/token", "wrong"),  # wrong token
        ("integrations@northbeam.example", "simulated-zendesk-api-token"),  # /token forgotten
    ],
)
def test_wrong_credentials(
    shared: Simulator, http: httpx.Client, auth: tuple[str, str] | None
) -> None:
    answer = http.get(f"{shared.zendesk_url}/api/v2/tickets.json", auth=auth)
    assert answer.status_code == 401
    assert answer.json() == {"error": "Couldn't authenticate you"}


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("incremental/tickets/cursor", {}, 400),  # neither start_time nor cursor
        ("incremental/tickets/cursor", {"cursor": "nonsense"}, 400),
        ("incremental/organizations", {"start_time": "yesterday"}, 400),
        ("tickets", {"page[size]": "many"}, 400),
        ("tickets", {"page[after]": "nonsense"}, 400),
        ("nothing_here", {}, 404),
        ("organizations/1/tickets", {}, 404),  # no such organization
    ],
)
def test_wrong_requests(shared: Simulator, path: str, query: dict[str, str], status: int) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        Zendesk(shared).get(f"/{path}", **query)
    assert refused.value.response.status_code == status
    assert "error" in refused.value.response.json()


def test_page_limit_makes_pages_smaller(company: Company) -> None:
    with Simulator(company, page_limit=3) as sim:
        zendesk = Zendesk(sim)
        page = zendesk.get("/incremental/tickets/cursor", start_time=0, per_page=100)
        assert len(page["tickets"]) == 3
        assert len(zendesk.get("/tickets", **{"page[size]": 100})["tickets"]) == 3


def test_tags_are_counted(shared: Simulator) -> None:
    tags = {tag["name"]: tag["count"] for tag in Zendesk(shared).get("/tags")["tags"]}
    assert tags["login"] > 0

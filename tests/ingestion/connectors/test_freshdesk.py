"""Freshdesk from its API to rows: values, references, changes, deletes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ingestion.simulator import Company, Simulator
from ingestion.simulator.freshdesk.api import FreshdeskApi
from ingestion.simulator.freshdesk.contents import Contents
from ingestion.simulator.freshdesk.helpdesk import Helpdesk
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

Record = dict[str, Any]


def _records(index: Index, kind: str) -> dict[str, Record]:
    """What is neither in the trash nor spam, by id."""
    return {
        str(record["id"]): record
        for record in Helpdesk(index.simulator.company).records(kind)
        if not record.get("deleted") and not record.get("spam")
    }


def _row(index: Index, entity: str, remote_id: Any) -> Any:
    rows = index.rows(entity, source="freshdesk", deleted=True)
    (row,) = [row for row in rows if row["remote_id"] == str(remote_id)]
    return row


KINDS = [
    # kind, entity
    ("agent", "user"),
    ("company", "account"),
    ("contact", "contact"),
    ("ticket", "ticket"),
]


@pytest.mark.parametrize(("kind", "entity"), KINDS)
def test_every_living_record_is_a_row(filled: Index, kind: str, entity: str) -> None:
    rows = filled.rows(entity, source="freshdesk")
    assert {row["remote_id"] for row in rows} == _records(filled, kind).keys()


def test_conversations_of_living_tickets_are_comments(filled: Index) -> None:
    tickets = {record["id"] for record in _records(filled, "ticket").values()}
    expected = {
        key: record
        for key, record in _records(filled, "conversation").items()
        if record["ticket_id"] in tickets
    }
    rows = filled.rows("comment", source="freshdesk")
    assert {row["remote_id"] for row in rows} == expected.keys()
    people = {row["id"]: row["remote_id"] for entity in ("user", "contact")
              for row in filled.rows(entity, source="freshdesk", deleted=True)}  # fmt: skip
    parents = {row["id"]: row["remote_id"] for row in filled.rows("ticket", source="freshdesk")}
    for row in rows:
        record = expected[row["remote_id"]]
        assert row["public"] is not record["private"]
        assert people[row["author_id"]] == str(record["user_id"])  # agent or contact
        assert parents[row["ticket_id"]] == str(record["ticket_id"])


STATUSES = {2: "OPEN", 3: "PENDING", 4: "SOLVED", 5: "CLOSED", 6: "PENDING", 7: "ON_HOLD"}
PRIORITIES = {1: "LOW", 2: "NORMAL", 3: "HIGH", 4: "URGENT"}


def test_tickets_have_words_for_freshdesk_s_numbers(filled: Index) -> None:
    records = _records(filled, "ticket")
    unknown = 0
    for row in filled.rows("ticket", source="freshdesk"):
        record = records[row["remote_id"]]
        assert row["status_raw"] == str(record["status"])
        # a status of the account's own is kept as it came
        assert row["status"] == STATUSES.get(record["status"])
        assert (row["priority"], row["priority_raw"]) == (
            PRIORITIES[record["priority"]], str(record["priority"]),
        )  # fmt: skip
        assert row["custom"] == {"cf_product_area": record["custom_fields"]["cf_product_area"]}
        assert "<div>" not in row["description"]
        unknown += row["status"] is None
    assert unknown > 0


def test_companies_are_known_by_domain_and_by_salesforce_id(filled: Index) -> None:
    records = _records(filled, "company")
    for row in filled.rows("account", source="freshdesk"):
        record = records[row["remote_id"]]
        own = record["custom_fields"]
        assert row["domains"] == record["domains"]
        assert row["external_ids"] == [f"salesforce:{own['salesforce_account_id']}"]
        assert (row["region"], row["tier"]) == (own["region"].upper(), record["account_tier"])
        assert row["custom"].keys() == {"onboarding"} & {k for k, v in own.items() if v}


def test_a_changed_ticket_comes_with_its_new_comment_and_nothing_else(synced: Index) -> None:
    ticket = next(iter(_records(synced, "ticket").values()))
    comment = synced.simulator.create(
        "freshdesk", "conversation",
        ticket_id=ticket["id"], user_id=ticket["requester_id"], body_text="Any news?",
        incoming=True,
    )  # fmt: skip
    synced.simulator.change("freshdesk", "ticket", ticket["id"], status=3)
    synced.simulator.forget_requests("freshdesk")
    report = synced.sync("freshdesk")
    written = {stream.stream: stream.written for stream in report.streams if stream.written}
    assert written == {"tickets": 1, "conversations": 1}
    assert _row(synced, "ticket", ticket["id"])["status"] == "PENDING"
    assert _row(synced, "comment", comment["id"])["body"] == "Any news?"
    # Of the others, only those on the border were asked for their conversations.
    assert synced.calls("freshdesk", "/conversations") < len(_records(synced, "ticket")) / 2


def test_what_is_thrown_away(synced: Index) -> None:
    trash, junk, *_ = _records(synced, "ticket")
    contact, company = (next(iter(_records(synced, kind))) for kind in ("contact", "company"))
    synced.simulator.delete("freshdesk", "ticket", trash)
    synced.simulator.change("freshdesk", "ticket", junk, spam=True)
    synced.simulator.delete("freshdesk", "contact", contact)
    # Of a company nothing is left; it is missed in the list of all.
    synced.simulator.delete("freshdesk", "company", company)
    assert synced.sync("freshdesk").complete
    for entity, key in (("ticket", trash), ("ticket", junk), ("contact", contact),
                        ("account", company)):  # fmt: skip
        assert _row(synced, entity, key)["deleted_at"] is not None


def test_more_tickets_than_freshdesk_has_pages_for(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FreshdeskApi, "last_page", 3)
    with Simulator(company, page_limit=10, vendors=["freshdesk"]) as simulator:
        small = replace(index, simulator=simulator)
        expected = set(_records(small, "ticket"))
        assert len(expected) > 3 * 10
        items = small.source("freshdesk").read("tickets", None, warn=lambda *_: None)
        read = {str(item["id"]) for item in items if isinstance(item, dict)}
        assert expected <= read


@pytest.mark.parametrize("stream", ["tickets", "conversations"])
def test_tickets_that_change_while_they_are_read_hide_nothing(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """Somebody is at work on what was just shown."""
    listed = FreshdeskApi._tickets
    changed: list[int] = []

    async def listed_then_changed(api: FreshdeskApi, request: Request) -> Response:
        response = await listed(api, request)
        for ticket in json.loads(bytes(response.body))[:3]:
            if "filter" not in request.query_params and ticket["id"] not in changed:
                changed.append(ticket["id"])
                at = company.as_of.timestamp() * 1000 + 60_000 * len(changed)
                api.change("ticket", str(ticket["id"]), {"priority": 4}, int(at))
        return response

    monkeypatch.setattr(FreshdeskApi, "_tickets", listed_then_changed)
    with Simulator(company, page_limit=10, vendors=["freshdesk"]) as simulator:
        small = replace(index, simulator=simulator)
        tickets = _records(small, "ticket")
        expected = {
            key
            for key, record in _records(small, stream.removesuffix("s")).items()
            if stream == "tickets" or str(record["ticket_id"]) in tickets
        }
        warnings: list[str] = []
        items = small.source("freshdesk").read(
            stream, None, warn=lambda text, _: warnings.append(text)
        )
        read = {str(item["id"]) for item in items if isinstance(item, dict)}
    assert len(changed) > 10
    assert expected <= read
    assert warnings == []


def test_many_tickets_of_one_second_are_read_to_the_last(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a change of many at once."""
    sameness = {"updated_at": "2026-01-02T03:04:05Z"}
    filled = Contents.__init__

    def filled_at_once(contents: Contents, company: Company) -> None:
        filled(contents, company)
        tickets = contents.records["ticket"]
        tickets[15:40] = [ticket | sameness for ticket in tickets[15:40]]

    monkeypatch.setattr(Contents, "__init__", filled_at_once)
    with Simulator(company, page_limit=10, vendors=["freshdesk"]) as simulator:
        small = replace(index, simulator=simulator)
        items = small.source("freshdesk").read("tickets", None, warn=lambda *_: None)
        read = {str(item["id"]) for item in items if isinstance(item, dict)}
        assert set(_records(small, "ticket")) <= read


@pytest.mark.anyio
async def test_a_reply_that_slips_to_another_page_is_not_gone(
    synced: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One before it is deleted while its page is read."""
    talks: dict[Any, list[str]] = {}
    for row in synced.rows("comment", source="freshdesk"):
        talks.setdefault(row["ticket_id"], []).append(row["remote_id"])
    ticket, replies = max(talks.items(), key=lambda talk: len(talk[1]))
    (key,) = [row["remote_id"] for row in synced.rows("ticket") if row["id"] == ticket]
    shown = FreshdeskApi._conversations
    deleted: list[str] = []

    async def shown_then_deleted(api: FreshdeskApi, request: Request) -> Response:
        response = await shown(api, request)
        if not deleted:
            deleted.append(str(json.loads(bytes(response.body))[0]["id"]))
            api.delete("conversation", deleted[0], 0)
        return response

    monkeypatch.setattr(FreshdeskApi, "_conversations", shown_then_deleted)
    with Simulator(synced.simulator.company, page_limit=1, vendors=["freshdesk"]) as simulator:
        live = replace(synced, simulator=simulator).live()
        wanted = Wanted("freshdesk", "tickets", key, "comment")
        assert list(await live.refresh(TENANT, [wanted])) == []
        await live.close()
    assert len(replies) > 2
    assert deleted
    for reply in {*replies} - {*deleted}:
        assert _row(synced, "comment", reply)["deleted_at"] is None


def test_the_next_page_is_asked_of_the_source_alone(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever host a link names: the credentials go with each request."""
    page = FreshdeskApi._page

    def linked_elsewhere(api: FreshdeskApi, request: Request, *given: Any, **of: Any) -> Response:
        response = page(api, request, *given, **of)
        own = str(request.base_url)
        if "Link" in response.headers:
            link = response.headers["Link"].replace(own, "https://elsewhere.invalid/")
            response.headers["Link"] = link
        return response

    monkeypatch.setattr(FreshdeskApi, "_page", linked_elsewhere)
    with Simulator(company, page_limit=10, vendors=["freshdesk"]) as simulator:
        assert replace(index, simulator=simulator).sync("freshdesk").complete

"""Single records read live, and that a later sync finds nothing to write about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from ingestion.live.sources import LiveSources
from ingestion.simulator import Simulator
from ingestion.simulator.hubspot.api import HubSpotApi
from ingestion.sync.job import sync_source
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

pytestmark = pytest.mark.anyio


@pytest.fixture
async def live(synced: Index) -> AsyncIterator[LiveSources]:
    live = synced.live()
    yield live
    await live.close()


RECORDS: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    # source, vendor's kind, entity, what changes there, what the row says then
    ("freshdesk", "ticket", "ticket", {"status": 6}, {"status": "PENDING", "status_raw": "6"}),
    ("freshdesk", "company", "account", {"name": "Renamed"}, {"name": "Renamed"}),
    ("chargebee", "customer", "account", {"company": "Renamed"}, {"name": "Renamed"}),
    ("chargebee", "subscription", "subscription", {"status": "paused"}, {"status": "PAUSED"}),
    ("chargebee", "invoice", "invoice", {"status": "voided"}, {"status": "VOID"}),
    (
        "jira",
        "issue",
        "ticket",
        {"fields": {"priority": {"id": "1", "name": "Top"}}},
        {"priority": "URGENT", "priority_raw": "Top"},
    ),
    ("jira", "organization", "account", {"name": "Renamed"}, {"name": "Renamed"}),
    ("jira", "user", "user", {"displayName": "Renamed"}, {"name": "Renamed"}),
    ("hubspot", "companies", "account", {"properties": {"name": "Renamed"}}, {"name": "Renamed"}),
    ("hubspot", "contacts", "contact", {"properties": {"phone": "1"}}, {"phone": "1"}),
    # the words of the stage come with it
    (
        "hubspot",
        "deals",
        "opportunity",
        {"properties": {"dealstage": "closedwon"}},
        {"stage": "Closed Won", "status": "WON", "probability": 100},
    ),
    (
        "hubspot",
        "tickets",
        "ticket",
        {"properties": {"hs_pipeline_stage": "2"}},
        {"status": "PENDING", "status_raw": "Waiting on contact"},
    ),
    (
        "hubspot",
        "notes",
        "comment",
        {"properties": {"hs_note_body": "Rewritten"}},
        {"body": "Rewritten", "public": False},
    ),
]


@pytest.mark.parametrize(("source", "kind", "entity", "change", "expected"), RECORDS)
async def test_a_record_is_as_the_source_has_it_now(
    synced: Index,
    live: LiveSources,
    source: str,
    kind: str,
    entity: str,
    change: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    first = synced.rows(entity, source=source)[0]
    stream, key = first["stream"], first["remote_id"]
    synced.simulator.change(source, kind, key, **change)
    assert list(await live.refresh(TENANT, [Wanted(source, stream, key)])) == []
    (row,) = [row for row in synced.rows(entity, source=source) if row["remote_id"] == key]
    assert {name: row[name] for name in expected} == expected
    assert row["live_at"] is not None
    (report,) = sync_source(
        synced.database, synced.tables, synced.model, synced.source(source),
        tenant=TENANT, streams=[stream],
    ).streams  # fmt: skip
    assert (report.problem, report.written) == (None, 0)


async def test_what_a_connector_cannot_read_singly_is_said(
    synced: Index, live: LiveSources
) -> None:
    # Freshdesk has no address for a single message of a conversation.
    key = synced.rows("comment", source="freshdesk")[0]["remote_id"]
    (failure,) = await live.refresh(TENANT, [Wanted("freshdesk", "conversations", key)])
    assert "does not give out single records of conversations" in failure.reason


MEMBERS = [
    # kind, entity, what a new one has beside its company, where its company stands
    ("contacts", "contact", {"email": "new@person.example"}, "associatedcompanyid"),
    ("deals", "opportunity", {"dealname": "New"}, "hs_primary_associated_company"),
    ("tickets", "ticket", {"subject": "New"}, "hs_primary_company_id"),
]


@pytest.mark.parametrize(("kind", "entity", "given", "company_property"), MEMBERS)
async def test_what_belongs_to_a_hubspot_company_is_listed_and_then_read(
    synced: Index,
    live: LiveSources,
    kind: str,
    entity: str,
    given: dict[str, str],
    company_property: str,
) -> None:
    row = next(row for row in synced.rows(entity, source="hubspot") if row["account_id"])
    (account,) = [one for one in synced.rows("account") if one["id"] == row["account_id"]]
    company = account["remote_id"]
    new = synced.simulator.create("hubspot", kind, properties={**given, company_property: company})
    synced.simulator.delete("hubspot", kind, row["remote_id"])
    assert await live.refresh(TENANT, [Wanted("hubspot", "companies", company, entity)]) == []
    found = {one["remote_id"] for one in synced.rows(entity, source="hubspot")}
    assert new["id"] in found
    assert row["remote_id"] not in found


async def test_what_a_source_says_of_itself_is_remembered(synced: Index, live: LiveSources) -> None:
    deal, other, *_ = (row["remote_id"] for row in synced.rows("opportunity", source="hubspot"))
    assert await live.refresh(TENANT, [Wanted("hubspot", "deals", deal)]) == []
    synced.simulator.forget_requests("hubspot")
    assert await live.refresh(TENANT, [Wanted("hubspot", "deals", other)]) == []
    assert synced.calls("hubspot", "/pipelines") == 0
    assert synced.calls("hubspot", "/properties") == 0


async def test_a_hubspot_conversation_is_of_several_streams(
    synced: Index, live: LiveSources
) -> None:
    email = next(one for one in synced.rows("comment", source="hubspot")
                 if one["stream"] == "emails")  # fmt: skip
    (ticket,) = [one for one in synced.rows("ticket") if one["id"] == email["ticket_id"]]
    links = {"tickets": [ticket["remote_id"]]}
    note = synced.simulator.create(
        "hubspot", "notes", associations=links,
        properties={"hs_timestamp": "2026-11-02T00:00:00Z", "hs_note_body": "Called them."},
    )  # fmt: skip
    synced.simulator.delete("hubspot", "emails", email["remote_id"])
    wanted = Wanted("hubspot", "tickets", ticket["remote_id"], "comment")
    assert await live.refresh(TENANT, [wanted]) == []
    found = {one["remote_id"]: one for one in synced.rows("comment", source="hubspot")}
    assert email["remote_id"] not in found
    assert (found[note["id"]]["body"], found[note["id"]]["ticket_id"]) == (
        "Called them.", ticket["id"],
    )  # fmt: skip
    # As a sync would have read them.
    report = synced.sync("hubspot")
    assert sum(stream.written for stream in report.streams) == 0


LISTS: list[tuple[str, str, str, str, str, dict[str, Any], dict[str, Any]]] = [
    # source, vendor's kind, entity, its parent, the foreign key, what changes there, and in the row
    ("freshdesk", "contact", "contact", "account", "account_id",
     {"job_title": "Baker"}, {"job_title": "Baker"}),
    ("freshdesk", "ticket", "ticket", "account", "account_id",
     {"status": 3}, {"status": "PENDING"}),
    ("chargebee", "subscription", "subscription", "account", "account_id",
     {"status": "paused"}, {"status": "PAUSED"}),
    ("chargebee", "invoice", "invoice", "account", "account_id",
     {"status": "voided"}, {"status": "VOID"}),
    ("chargebee", "invoice", "invoice", "subscription", "subscription_id",
     {"status": "voided"}, {"status": "VOID"}),
    ("jira", "issue", "ticket", "account", "account_id",
     {"fields": {"summary": "Worse"}}, {"subject": "Worse"}),
    ("hubspot", "contacts", "contact", "account", "account_id",
     {"properties": {"phone": "1"}}, {"phone": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "kind", "entity", "parent", "column", "change", "row"), LISTS)
async def test_what_belongs_to_a_record_is_listed_page_by_page(
    synced: Index,
    source: str,
    kind: str,
    entity: str,
    parent: str,
    column: str,
    change: dict[str, Any],
    row: dict[str, Any],
) -> None:
    families: dict[Any, list[str]] = {}
    for one in synced.rows(entity, source=source):
        families.setdefault(one[column], []).append(one["remote_id"])
    families.pop(None, None)
    owner, family = max(families.items(), key=lambda item: len(item[1]))
    (above,) = [one for one in synced.rows(parent) if one["id"] == owner]
    with Simulator(synced.simulator.company, page_limit=2, vendors=[source]) as simulator:
        small = replace(synced, simulator=simulator)
        for each in family:
            simulator.change(source, kind, each, **change)
        live = small.live()
        wanted = Wanted(source, above["stream"], above["remote_id"], entity)
        assert list(await live.refresh(TENANT, [wanted])) == []
        await live.close()
    found = {one["remote_id"]: one for one in synced.rows(entity, source=source)}
    for each in family:
        assert {name: found[each][name] for name in row} == row


async def test_a_freshdesk_conversation_is_as_it_is_now(synced: Index, live: LiveSources) -> None:
    comment = synced.rows("comment", source="freshdesk")[0]
    (ticket,) = [one for one in synced.rows("ticket") if one["id"] == comment["ticket_id"]]
    (author,) = [one for entity in ("contact", "user") for one in synced.rows(entity)
                 if one["id"] == comment["author_id"]]  # fmt: skip
    synced.simulator.delete("freshdesk", "conversation", comment["remote_id"])
    new = synced.simulator.create(
        "freshdesk", "conversation", ticket_id=int(ticket["remote_id"]),
        user_id=int(author["remote_id"]), body_text="Any news?",
    )  # fmt: skip
    wanted = Wanted("freshdesk", "tickets", ticket["remote_id"], "comment")
    assert list(await live.refresh(TENANT, [wanted])) == []
    found = {one["remote_id"] for one in synced.rows("comment", source="freshdesk")}
    assert str(new["id"]) in found
    assert comment["remote_id"] not in found


async def test_a_ticket_that_became_spam_leaves_with_a_live_read(
    synced: Index, live: LiveSources
) -> None:
    key = synced.rows("ticket", source="freshdesk")[0]["remote_id"]
    synced.simulator.change("freshdesk", "ticket", key, spam=True)
    assert list(await live.refresh(TENANT, [Wanted("freshdesk", "tickets", key)])) == []
    assert key not in {one["remote_id"] for one in synced.rows("ticket", source="freshdesk")}


async def test_a_token_that_nothing_can_renew_is_told(synced: Index, live: LiveSources) -> None:
    key = synced.rows("account", source="hubspot")[0]["remote_id"]
    synced.simulator.fault("hubspot", "unauthorized")
    (failure,) = await live.refresh(TENANT, [Wanted("hubspot", "companies", key)])
    assert "401 (Unauthorized)" in failure.reason


async def test_an_owner_who_left_stays_one_of_the_users(synced: Index, live: LiveSources) -> None:
    """HubSpot finds an owner who left only for those who look among the archived."""
    owner = next(row for row in synced.rows("user", source="hubspot") if not row["active"])
    await live.refresh(TENANT, [Wanted("hubspot", "owners", owner["remote_id"])])
    assert owner["id"] in {row["id"] for row in synced.rows("user", source="hubspot")}


async def test_what_was_merged_into_another_is_gone(
    synced: Index, live: LiveSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HubSpot answers with the one that is left when asked for one that was merged into it."""
    merged, left, *_ = (row["remote_id"] for row in synced.rows("contact", source="hubspot"))
    found = HubSpotApi._found

    def found_by_any_id(api: HubSpotApi, request: Any, kind: str) -> dict[str, Any]:
        if request.path_params["id"] == merged:
            request.path_params["id"] = left
        return found(api, request, kind)

    monkeypatch.setattr(HubSpotApi, "_found", found_by_any_id)
    assert list(await live.refresh(TENANT, [Wanted("hubspot", "contacts", merged)])) == []
    rows = {row["remote_id"]: row for row in synced.rows("contact", source="hubspot")}
    assert merged not in rows
    assert rows[left]["live_at"] is not None

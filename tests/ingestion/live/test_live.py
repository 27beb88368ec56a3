"""Live reads: what the source has now is in the index afterwards, or the reason why not is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from index.database import Database
from ingestion.live.sources import LiveSources
from semantic_layer.freshness import Failure, Wanted
from tests.ingestion.index_under_test import TENANT, VENDORS, Index

pytestmark = pytest.mark.anyio


@pytest.fixture
async def live(synced: Index) -> AsyncIterator[LiveSources]:
    live = synced.live()
    yield live
    await live.close()


def _some(index: Index, entity: str, source: str) -> str:
    """The remote id of some living row whose record may still change."""
    rows = index.rows(entity, source=source)
    open_ones = [row for row in rows if row.get("status") not in ("CLOSED", "VOID", "CANCELED")]
    remote_id: str = open_ones[0]["remote_id"]
    return remote_id


def _stream(index: Index, entity: str, remote_id: str) -> str:
    row = index.row(entity, remote_id)
    assert row is not None
    stream: str = row["stream"]
    return stream


async def _refresh(live: LiveSources, *wanted: Wanted) -> list[Failure]:
    return list(await live.refresh(TENANT, wanted))


def _reason(failures: list[Failure]) -> str:
    (failure,) = failures
    return failure.reason


ONE_RECORD: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    # source, vendor's kind, entity, what changes there, what the row says then
    ("salesforce", "Account", "account", {"Name": "Renamed"}, {"name": "Renamed"}),
    ("salesforce", "Contact", "contact", {"Title": "CTO"}, {"job_title": "CTO"}),
    ("salesforce", "User", "user", {"Title": "Chief"}, {"role": "Chief"}),
    ("salesforce", "Opportunity", "opportunity", {"StageName": "Closed Won"}, {"status": "WON"}),
    ("zendesk", "organization", "account", {"name": "Renamed"}, {"name": "Renamed"}),
    ("zendesk", "user", "contact", {"name": "Renamed"}, {"name": "Renamed"}),
    ("zendesk", "ticket", "ticket", {"priority": "urgent"}, {"priority": "URGENT"}),
    ("stripe", "customer", "account", {"name": "Renamed"}, {"name": "Renamed"}),
    ("stripe", "subscription", "subscription", {"status": "unpaid"}, {"status": "UNPAID"}),
    ("stripe", "invoice", "invoice", {"description": "changed"}, {}),
]


@pytest.mark.parametrize(("source", "kind", "entity", "change", "expected"), ONE_RECORD)
async def test_one_record(
    synced: Index,
    live: LiveSources,
    source: str,
    kind: str,
    entity: str,
    change: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    key = _some(synced, entity, source)
    synced.simulator.change(source, kind, key, **change)
    assert await _refresh(live, Wanted(source, _stream(synced, entity, key), key)) == []
    row = synced.row(entity, key)
    assert row is not None
    assert {name: row[name] for name in expected} == expected
    assert row["live_at"] is not None
    # The next sync finds the record as it is here already, and writes nothing.
    report = synced.sync(source)
    assert sum(stream.written for stream in report.streams) == 0


async def test_unchanged_record_is_fresh_though_nothing_is_written(
    synced: Index, live: LiveSources
) -> None:
    key = _some(synced, "ticket", "zendesk")
    before = synced.contents()
    assert await _refresh(live, Wanted("zendesk", "tickets", key)) == []
    assert synced.contents() == before
    row = synced.row("ticket", key)
    assert row is not None
    assert isinstance(row["live_at"], datetime)


DELETED = [
    ("salesforce", "Account", "account"),
    ("salesforce", "Opportunity", "opportunity"),
    ("zendesk", "organization", "account"),
    ("zendesk", "ticket", "ticket"),
    ("zendesk", "user", "contact"),
    ("stripe", "customer", "account"),
]


@pytest.mark.parametrize(("source", "kind", "entity"), DELETED)
async def test_record_that_is_gone_is_marked_deleted(
    synced: Index, live: LiveSources, source: str, kind: str, entity: str
) -> None:
    key = _some(synced, entity, source)
    before = synced.row(entity, key)
    synced.simulator.delete(source, kind, key)
    assert await _refresh(live, Wanted(source, _stream(synced, entity, key), key)) == []
    row = synced.row(entity, key)
    assert before is not None
    assert row is not None
    assert row["deleted_at"] is not None
    # What it was stays known.
    assert row.get("name") == before.get("name")
    synced.sync(source)
    row = synced.row(entity, key)
    assert row is not None
    assert row["deleted_at"] is not None


async def test_deleted_account_leaves_its_customer(synced: Index, live: LiveSources) -> None:
    record = synced.simulator.create("salesforce", "Account", Name="Short-lived")
    synced.sync("salesforce")
    assert "Short-lived" in {row["name"] for row in synced.rows("customer")}
    synced.simulator.delete("salesforce", "Account", record["Id"])
    assert await _refresh(live, Wanted("salesforce", "accounts", record["Id"])) == []
    assert "Short-lived" not in {row["name"] for row in synced.rows("customer")}


LISTS = [
    # source, parent, child, foreign key on the child
    ("salesforce", "account", "contact", "account_id"),
    ("salesforce", "account", "opportunity", "account_id"),
    ("zendesk", "account", "ticket", "account_id"),
    ("zendesk", "ticket", "comment", "ticket_id"),
    ("stripe", "account", "invoice", "account_id"),
    ("stripe", "account", "subscription", "account_id"),
]


def _largest_family(index: Index, source: str, parent: str, child: str, key: str) -> Any:
    """The parent row with the most children."""
    children = [row[key] for row in index.rows(child, source=source)]
    return max(index.rows(parent, source=source), key=lambda row: children.count(row["id"]))


@pytest.mark.parametrize(("source", "parent", "child", "key"), LISTS)
async def test_records_under_a_parent(
    synced: Index, live: LiveSources, source: str, parent: str, child: str, key: str
) -> None:
    owner = _largest_family(synced, source, parent, child, key)
    expected = {row["remote_id"] for row in synced.rows(child) if row[key] == owner["id"]}
    assert expected
    before = synced.contents()
    synced.simulator.forget_requests(source)
    wanted = Wanted(source, owner["stream"], owner["remote_id"], child)
    assert await _refresh(live, wanted) == []
    rows = [row for row in synced.rows(child) if row[key] == owner["id"]]
    assert {row["remote_id"] for row in rows} == expected
    assert all(row["live_at"] is not None for row in rows)
    # Whole pages are read, never one record after the other, and nothing is written anew.
    assert sum(map(synced.calls, [source])) < 2 + len(expected)
    assert synced.contents() == before


async def test_children_that_came_moved_or_went(synced: Index, live: LiveSources) -> None:
    organizations = synced.rows("account", source="zendesk")
    owner = _largest_family(synced, "zendesk", "account", "ticket", "account_id")
    other = next(row for row in organizations if row["id"] != owner["id"])
    tickets = [row for row in synced.rows("ticket") if row["account_id"] == owner["id"]]
    moved, gone = [row["remote_id"] for row in tickets if row["status"] != "CLOSED"][:2]
    simulator = synced.simulator
    simulator.change("zendesk", "ticket", moved, organization_id=int(other["remote_id"]))
    simulator.delete("zendesk", "ticket", gone)
    new = simulator.create(
        "zendesk",
        "ticket",
        requester_id=int(_some(synced, "contact", "zendesk")),
        organization_id=int(owner["remote_id"]),
        subject="Just now",
    )
    assert (
        await _refresh(live, Wanted("zendesk", "organizations", owner["remote_id"], "ticket")) == []
    )
    after = {row["remote_id"]: row for row in synced.rows("ticket", deleted=True)}
    assert after[str(new["id"])]["account_id"] == owner["id"]
    assert after[moved]["account_id"] == other["id"]
    assert after[gone]["deleted_at"] is not None


async def test_children_of_a_parent_that_is_gone(synced: Index, live: LiveSources) -> None:
    owner = _largest_family(synced, "zendesk", "account", "ticket", "account_id")
    synced.simulator.delete("zendesk", "organization", owner["remote_id"])
    wanted = Wanted("zendesk", "organizations", owner["remote_id"], "ticket")
    many = synced.live(calls=500)
    assert await _refresh(many, wanted) == []
    await many.close()
    row = synced.row("account", owner["remote_id"])
    assert row is not None
    assert row["deleted_at"] is not None
    # Its tickets still are there, each was asked for by its id.
    tickets = [row for row in synced.rows("ticket") if row["account_id"] == owner["id"]]
    assert tickets
    assert all(row["live_at"] is not None for row in tickets)


async def test_children_that_a_source_has_none_of_cost_nothing(
    synced: Index, live: LiveSources
) -> None:
    key = _some(synced, "account", "stripe")
    synced.simulator.forget_requests("stripe")
    assert await _refresh(live, Wanted("stripe", "customers", key, "ticket")) == []
    assert synced.calls("stripe") == 0


async def test_many_records_of_all_sources_at_once(synced: Index, live: LiveSources) -> None:
    wanted = [
        Wanted(row["source"], row["stream"], row["remote_id"]) for row in synced.rows("account")
    ]
    assert len({item.source for item in wanted}) == len(VENDORS)
    assert await _refresh(live, *wanted) == []
    assert all(row["live_at"] is not None for row in synced.rows("account"))


async def test_callers_share_one_request(synced: Index, live: LiveSources) -> None:
    key = _some(synced, "ticket", "zendesk")
    wanted = Wanted("zendesk", "tickets", key)
    synced.simulator.fault("zendesk", "slow", seconds=0.3, times=1, path_prefix="/api/v2/tickets")
    synced.simulator.forget_requests("zendesk")
    answers = await asyncio.gather(*(_refresh(live, wanted, wanted) for _ in range(5)))
    assert answers == [[]] * 5
    assert synced.calls("zendesk", f"/tickets/{key}") == 1


async def test_caller_that_gives_up_does_not_take_the_others_down(
    synced: Index, live: LiveSources
) -> None:
    key = _some(synced, "ticket", "zendesk")
    wanted = Wanted("zendesk", "tickets", key)
    synced.simulator.change("zendesk", "ticket", key, subject="Seen by the patient")
    synced.simulator.fault("zendesk", "slow", seconds=0.5, times=1, path_prefix="/api/v2/tickets")
    impatient = asyncio.create_task(_refresh(live, wanted))
    await asyncio.sleep(0)
    patient = asyncio.create_task(_refresh(live, wanted))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == []
    row = synced.row("ticket", key)
    assert row is not None
    assert row["subject"] == "Seen by the patient"


TROUBLE = [
    # what the source does, and what is said of it
    ("down", "zendesk: it cannot be reached."),
    ("server_error", "zendesk: it answered 500 (Internal Server Error)."),
    ("unauthorized", "zendesk: it answered 401 (Unauthorized); check the credentials."),
    (
        "rate_limited",
        "zendesk: it answered 429 (Too Many Requests); its rate limit is used up; try again later.",
    ),
    ("truncated", "zendesk: it broke off in the middle of an answer."),
]


@pytest.mark.parametrize(("kind", "said"), TROUBLE)
async def test_source_in_trouble_is_told_and_nothing_is_lost(
    synced: Index, live: LiveSources, kind: str, said: str
) -> None:
    key = _some(synced, "ticket", "zendesk")
    before = synced.contents()
    synced.simulator.fault("zendesk", kind)
    wanted = Wanted("zendesk", "tickets", key)
    assert await _refresh(live, wanted) == [Failure(wanted, said)]
    assert synced.contents() == before
    # The other sources are not touched by it.
    account = Wanted("stripe", "customers", _some(synced, "account", "stripe"))
    assert await _refresh(live, account) == []
    synced.simulator.clear_faults("zendesk")
    assert await _refresh(live, wanted) == []


async def test_expired_session_is_renewed(synced: Index, live: LiveSources) -> None:
    wanted = Wanted("salesforce", "accounts", _some(synced, "account", "salesforce"))
    assert await _refresh(live, wanted) == []
    synced.simulator.expire_tokens()
    assert await _refresh(live, wanted) == []


async def test_source_that_keeps_failing_is_left_alone_for_a_while(synced: Index) -> None:
    live = synced.live(seconds_open=0.2)
    wanted = Wanted("zendesk", "tickets", _some(synced, "ticket", "zendesk"))
    synced.simulator.fault("zendesk", "server_error")
    for _ in range(5):
        assert "500" in _reason(await _refresh(live, wanted))
    synced.simulator.forget_requests("zendesk")
    assert "left alone" in _reason(await _refresh(live, wanted))
    assert synced.calls("zendesk") == 0
    synced.simulator.clear_faults("zendesk")
    await asyncio.sleep(0.25)
    assert await _refresh(live, wanted) == []
    await live.close()


async def test_missing_record_is_no_failure_of_the_source(synced: Index) -> None:
    live = synced.live()
    for _ in range(10):
        assert await _refresh(live, Wanted("zendesk", "tickets", "999999")) == []
    assert (
        await _refresh(live, Wanted("zendesk", "tickets", _some(synced, "ticket", "zendesk"))) == []
    )
    await live.close()


async def test_budget_of_requests(synced: Index) -> None:
    live = synced.live(calls=3)
    wanted = [Wanted("zendesk", "tickets", row["remote_id"]) for row in synced.rows("ticket")[:5]]
    synced.simulator.forget_requests("zendesk")
    failures = await _refresh(live, *wanted)
    assert len(failures) == 2
    assert {failure.reason for failure in failures} == {
        "zendesk: one answer may cost 3 requests to sources, no more."
    }
    assert synced.calls("zendesk") == 3
    await live.close()


async def test_budget_of_time(synced: Index) -> None:
    live = synced.live(seconds=0.2)
    wanted = Wanted("zendesk", "tickets", _some(synced, "ticket", "zendesk"))
    synced.simulator.fault("zendesk", "slow", seconds=1.0, times=1)
    assert _reason(await _refresh(live, wanted)) == "zendesk: it was not read within 0.2 s."
    await live.close()


async def test_people_of_an_organization(synced: Index, live: LiveSources) -> None:
    account = synced.rows("account", source="zendesk")[0]
    user = synced.simulator.create(
        "zendesk", "user", name="New Here", organization_id=int(account["remote_id"])
    )
    wanted = Wanted("zendesk", "organizations", account["remote_id"], "contact")
    assert await _refresh(live, wanted) == []
    row = synced.row("contact", user["id"])
    assert row is not None
    assert (row["name"], row["account_id"]) == ("New Here", account["id"])


NOT_READABLE = [
    # what is asked for, and why there is nothing to be had
    (
        Wanted("zendesk", "comments", "1"),
        "zendesk: it does not give out single records of comments.",
    ),
    (Wanted("zendesk", "users", "1", "ticket"), "zendesk: it does not list ticket rows by"),
    (Wanted("hubspot", "companies", "1"), "hubspot: no source of that name is configured."),
    (
        Wanted("zendesk", "invoices", "1"),
        "zendesk: it does not give out single records of invoices.",
    ),
    (Wanted("zendesk", "tickets", "1/../2"), "zendesk: the id has characters that no id"),
    (Wanted("zendesk", "tickets", ".."), "zendesk: the id has characters that no id"),
    (Wanted("salesforce", "accounts", "' OR Id != '", "contact"), "salesforce: the id has char"),
]


@pytest.mark.parametrize(("wanted", "said"), NOT_READABLE)
async def test_what_cannot_be_read_is_told_without_a_call(
    synced: Index, live: LiveSources, wanted: Wanted, said: str
) -> None:
    for vendor in VENDORS:
        synced.simulator.forget_requests(vendor)
    assert said in _reason(await _refresh(live, wanted))
    assert sum(map(synced.calls, VENDORS)) == 0


async def test_record_that_cannot_be_used_is_told_and_set_aside(
    synced: Index, live: LiveSources
) -> None:
    key = _some(synced, "ticket", "zendesk")
    before = synced.row("ticket", key)
    synced.simulator.change("zendesk", "ticket", key, due_at="some day")
    said = _reason(await _refresh(live, Wanted("zendesk", "tickets", key)))
    assert said == "zendesk: 1 of its records cannot be used: field due_at: it is not a time."
    assert synced.row("ticket", key) == before
    (rejected,) = synced.ask("SELECT * FROM remit.rejected_record")
    assert rejected["run_id"] is None
    assert "some day" in rejected["raw"]


async def test_older_content_of_a_sync_does_not_replace_a_live_read(
    synced: Index, live: LiveSources
) -> None:
    # Stripe's events show a customer as it was; the live read comes between them and the sync.
    key = _some(synced, "account", "stripe")
    synced.simulator.change("stripe", "customer", key, name="Older")
    synced.simulator.change("stripe", "customer", key, name="Newest")
    assert await _refresh(live, Wanted("stripe", "customers", key)) == []
    synced.sync("stripe")
    row = synced.row("account", key)
    assert row is not None
    assert row["name"] == "Newest"


async def test_database_that_is_away_is_no_fault_of_the_source(
    synced: Index, live: LiveSources
) -> None:
    wanted = Wanted("zendesk", "organizations", _some(synced, "account", "zendesk"), "ticket")
    name = synced.ask("SELECT current_database() AS name")[0]["name"]
    away = replace(synced, database=Database(synced.database.url.replace(name, "nowhere")))
    elsewhere = away.live()
    for _ in range(6):
        assert "The database did not answer" in _reason(await _refresh(elsewhere, wanted))
    await elsewhere.close()
    assert await _refresh(live, wanted) == []


async def test_credentials_of_one_tenant_read_nothing_for_another(
    synced: Index, live: LiveSources
) -> None:
    synced.simulator.forget_requests("zendesk")
    before = synced.ask("SELECT count(*) FROM remit.record")
    wanted = Wanted("zendesk", "tickets", _some(synced, "ticket", "zendesk"))
    (failure,) = await live.refresh("somebody else", [wanted])
    assert failure.reason == "zendesk: no source of that name is configured."
    assert synced.calls("zendesk") == 0
    assert synced.ask("SELECT count(*) FROM remit.record") == before

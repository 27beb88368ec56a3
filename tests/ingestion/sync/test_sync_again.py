"""What later syncs bring: nothing when nothing changed, else exactly what did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from index.tables import stream_state
from ingestion.sync.report import SyncReport
from ingestion.sync.runs import only_one
from tests.ingestion.index_under_test import TENANT, Index


def _written(reports: dict[str, SyncReport]) -> dict[tuple[str, str], int]:
    return {
        (vendor, stream.stream): stream.written
        for vendor, report in reports.items()
        for stream in report.streams
        if stream.written
    }


def test_nothing_changed_nothing_written(synced: Index) -> None:
    before = synced.contents()
    versions = synced.ask("SELECT tableoid, ctid, xmin FROM remit.record")
    reports = synced.sync_all()
    assert _written(reports) == {}
    assert all(report.complete for report in reports.values())
    assert synced.ask("SELECT tableoid, ctid, xmin FROM remit.record") == versions
    assert synced.contents() == before


def _first(index: Index, vendor: str, kind: str) -> str:
    """The key of a living record."""
    key = "Id" if vendor == "salesforce" else "id"
    for record in getattr(index.simulator.company, vendor)[kind]:
        dead = record.get("IsDeleted") or record.get("deleted") or record.get("deleted_at")
        if not dead and record.get("status") not in ("deleted", "void", "closed"):
            return str(record[key])
    raise LookupError(kind)


CHANGES: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    # vendor, kind, what changes there, entity, what the row says then
    ("salesforce", "Account", {"Name": "Renamed"}, "account", {"name": "Renamed"}),
    ("salesforce", "Contact", {"Title": "CTO"}, "contact", {"job_title": "CTO"}),
    ("salesforce", "User", {"IsActive": False}, "user", {"active": False}),
    ("salesforce", "Opportunity", {"StageName": "Closed Won"}, "opportunity", {"status": "WON"}),
    ("zendesk", "organization", {"name": "Renamed"}, "account", {"name": "Renamed"}),
    ("zendesk", "user", {"name": "Renamed"}, "user", {"name": "Renamed"}),
    ("zendesk", "ticket", {"status": "solved"}, "ticket", {"status": "SOLVED"}),
    ("stripe", "customer", {"name": "Renamed"}, "account", {"name": "Renamed"}),
    ("stripe", "invoice", {"status": "void"}, "invoice", {"status": "VOID"}),
    ("stripe", "subscription", {"status": "past_due"}, "subscription", {"status": "PAST_DUE"}),
]


@pytest.mark.parametrize(("vendor", "kind", "change", "entity", "expected"), CHANGES)
def test_change_arrives(
    synced: Index,
    vendor: str,
    kind: str,
    change: dict[str, Any],
    entity: str,
    expected: dict[str, Any],
) -> None:
    key = _first(synced, vendor, kind)
    synced.simulator.change(vendor, kind, key, **change)
    report = synced.sync(vendor)
    row = synced.row(entity, key)
    assert row is not None
    assert {name: row[name] for name in expected} == expected
    assert sum(stream.written for stream in report.streams) == 1


CREATIONS: list[tuple[str, str, dict[str, Any], str]] = [
    ("salesforce", "Account", {"Name": "Newcomer"}, "account"),
    ("zendesk", "organization", {"name": "Newcomer"}, "account"),
    ("stripe", "customer", {"name": "Newcomer"}, "account"),
]


@pytest.mark.parametrize(("vendor", "kind", "fields", "entity"), CREATIONS)
def test_creation_arrives_with_its_customer(
    synced: Index, vendor: str, kind: str, fields: dict[str, Any], entity: str
) -> None:
    record = synced.simulator.create(vendor, kind, **fields)
    synced.sync(vendor)
    row = synced.row(entity, record.get("Id") or record["id"])
    assert row is not None
    assert row["name"] == "Newcomer"
    assert "Newcomer" in {customer["name"] for customer in synced.rows("customer")}


def test_new_ticket_arrives_with_its_comment(synced: Index) -> None:
    requester = _first(synced, "zendesk", "user")
    ticket = synced.simulator.create(
        "zendesk", "ticket", requester_id=int(requester), subject="Help", description="It broke"
    )
    synced.sync("zendesk")
    row = synced.row("ticket", ticket["id"])
    assert row is not None
    assert row["subject"] == "Help"
    comments = [comment for comment in synced.rows("comment") if comment["ticket_id"] == row["id"]]
    assert [comment["body"] for comment in comments] == ["It broke"]


DELETIONS = [
    ("salesforce", "Account", "account"),
    ("salesforce", "Contact", "contact"),
    ("salesforce", "Opportunity", "opportunity"),
    ("zendesk", "organization", "account"),
    ("zendesk", "ticket", "ticket"),
    ("stripe", "customer", "account"),
]


@pytest.mark.parametrize(("vendor", "kind", "entity"), DELETIONS)
def test_deletion_arrives(synced: Index, vendor: str, kind: str, entity: str) -> None:
    key = _first(synced, vendor, kind)
    synced.simulator.delete(vendor, kind, key)
    report = synced.sync(vendor)
    row = synced.row(entity, key)
    assert row is not None
    assert row["deleted_at"] is not None
    assert sum(stream.deleted for stream in report.streams) == 1


def test_deleted_end_user_is_gone_but_former_agent_stays(synced: Index) -> None:
    users = synced.simulator.company.zendesk["user"]
    agent = next(user for user in users if user["role"] == "agent" and user["active"])
    person = next(user for user in users if user["role"] == "end-user" and user["active"])
    for user in (agent, person):
        synced.simulator.delete("zendesk", "user", user["id"])
    synced.sync("zendesk")
    former, gone = synced.row("user", agent["id"]), synced.row("contact", person["id"])
    assert former is not None
    assert gone is not None
    assert (former["active"], former["deleted_at"]) == (False, None)
    assert gone["deleted_at"] is not None


def test_person_who_becomes_an_agent_changes_the_entity(synced: Index) -> None:
    users = synced.simulator.company.zendesk["user"]
    person = next(user for user in users if user["role"] == "end-user" and user["active"])
    before = synced.row("contact", person["id"])
    synced.simulator.change("zendesk", "user", person["id"], role="agent")
    synced.sync("zendesk")
    after = synced.row("user", person["id"])
    assert before is not None
    assert after is not None
    # The same id, so that comments and tickets still lead to them.
    assert after["id"] == before["id"]
    assert synced.row("contact", person["id"]) is None


def test_the_newest_of_several_changes_counts(synced: Index) -> None:
    # Stripe tells the newest first; each event has the whole object as it was then.
    key = _first(synced, "stripe", "customer")
    for name in ("One", "Two", "Three"):
        synced.simulator.change("stripe", "customer", key, name=name)
    synced.sync("stripe")
    row = synced.row("account", key)
    assert row is not None
    assert row["name"] == "Three"
    synced.simulator.change("stripe", "customer", key, name="Four")
    synced.sync("stripe")
    row = synced.row("account", key)
    assert row is not None
    assert row["name"] == "Four"


def test_canceled_subscription_stays(synced: Index) -> None:
    # Stripe calls the end of a subscription its deletion.
    key = _first(synced, "stripe", "subscription")
    synced.simulator.delete("stripe", "subscription", key)
    synced.sync("stripe")
    row = synced.row("subscription", key)
    assert row is not None
    assert (row["status"], row["deleted_at"]) == ("CANCELED", None)


def test_after_a_pause_longer_than_the_history_all_is_read_again(synced: Index) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    with synced.database.writing() as connection:
        connection.execute(update(stream_state).values(synced_at=long_ago))
    synced.simulator.forget_requests("stripe")
    report = synced.sync("stripe")
    assert report.complete
    assert synced.calls("stripe", "/v1/events") == 0
    assert report.stream("customers").read == len(synced.rows("account", source="stripe"))
    assert sum(stream.written for stream in report.streams) == 0


def test_two_syncs_of_a_stream_do_not_run_at_once(index: Index) -> None:
    with only_one(index.database, TENANT, "zendesk", ["tickets"]):
        report = index.sync("zendesk")
        assert report.stream("tickets").left == "another run"
        assert report.stream("comments").complete
        # Other sources are free, and so is this one afterwards.
        assert index.sync("stripe").complete
    assert index.sync("zendesk").complete

"""What a first sync brings, compared with what the vendors hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from ingestion.simulator import Company
from ingestion.sync.report import Progress
from tests.ingestion.index_under_test import TENANT, VENDORS, Index

Record = dict[str, Any]


def _alive(record: Record) -> bool:
    return not record.get("IsDeleted")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _epoch(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def _text(text: str | None) -> str | None:
    return (text or "").strip() or None


ENTITIES: list[tuple[str, str, str, Callable[[Record], bool]]] = [
    ("salesforce", "User", "user", lambda _: True),
    ("salesforce", "Account", "account", _alive),
    ("salesforce", "Contact", "contact", _alive),
    ("salesforce", "Opportunity", "opportunity", _alive),
    ("zendesk", "organization", "account", lambda record: record["deleted_at"] is None),
    # former agents stay, deleted end users do not
    ("zendesk", "user", "user", lambda record: record["role"] != "end-user"),
    (
        "zendesk",
        "user",
        "contact",
        lambda record: record["role"] == "end-user" and record["active"],
    ),
    ("zendesk", "ticket", "ticket", lambda record: record["status"] != "deleted"),
    ("zendesk", "comment", "comment", lambda _: True),
    ("stripe", "customer", "account", lambda record: not record.get("deleted")),
    ("stripe", "subscription", "subscription", lambda _: True),
    ("stripe", "invoice", "invoice", lambda _: True),
]


@pytest.mark.parametrize(("vendor", "kind", "entity", "alive"), ENTITIES)
def test_every_living_record_is_a_row(
    filled: Index, vendor: str, kind: str, entity: str, alive: Callable[[Record], bool]
) -> None:
    records = getattr(filled.simulator.company, vendor)[kind]
    key = "Id" if vendor == "salesforce" else "id"
    expected = {str(record[key]) for record in records if alive(record)}
    rows = filled.rows(entity, source=vendor)
    assert {row["remote_id"] for row in rows} == expected
    assert len(rows) == len(expected)


def _records(company: Company, vendor: str, kind: str) -> dict[str, Record]:
    key = "Id" if vendor == "salesforce" else "id"
    return {str(record[key]): record for record in getattr(company, vendor)[kind]}


ACCOUNTS: list[tuple[str, str, Callable[[Record], Record]]] = [
    (
        "salesforce",
        "Account",
        lambda record: {
            "name": _text(record["Name"]),
            "region": record["Region__c"] or None,
            "tier": record["Tier__c"] or None,
            "external_ids": [f"salesforce:{record['Id']}"],
            "created_at": _moment(record["CreatedDate"]),
            "updated_at": _moment(record["SystemModstamp"]),
        },
    ),
    (
        "zendesk",
        "organization",
        lambda record: {
            "name": _text(record["name"]),
            "region": (record["organization_fields"]["region"] or "").upper() or None,
            "tier": next(
                (t.title() for t in record["tags"] if t in ("enterprise", "business", "starter")),
                None,
            ),
            "domains": list(record["domain_names"]),
            "external_ids": [f"salesforce:{record['external_id']}"]
            if record["external_id"]
            else None,
            "updated_at": _moment(record["updated_at"]),
        },
    ),
    (
        "stripe",
        "customer",
        lambda record: {
            "name": _text(record["name"]),
            "email": record["email"],
            "domains": [record["email"].rpartition("@")[2]] if record["email"] else None,
            "external_ids": [f"salesforce:{record['metadata']['salesforce_account_id']}"]
            if "salesforce_account_id" in record["metadata"]
            else None,
            "created_at": _epoch(record["created"]),
        },
    ),
]


@pytest.mark.parametrize(("vendor", "kind", "expected"), ACCOUNTS)
def test_accounts_have_the_values_of_their_system(
    filled: Index, vendor: str, kind: str, expected: Callable[[Record], Record]
) -> None:
    records = _records(filled.simulator.company, vendor, kind)
    for row in filled.rows("account", source=vendor):
        wanted = expected(records[row["remote_id"]])
        assert {name: row[name] for name in wanted} == wanted


STATUSES = {
    "new": "NEW", "open": "OPEN", "pending": "PENDING", "hold": "ON_HOLD", "solved": "SOLVED",
    "closed": "CLOSED",
}  # fmt: skip


def test_tickets_keep_the_value_of_the_source_beside_the_canonical_one(filled: Index) -> None:
    records = _records(filled.simulator.company, "zendesk", "ticket")
    for row in filled.rows("ticket", source="zendesk"):
        record = records[row["remote_id"]]
        assert (row["status"], row["status_raw"]) == (STATUSES[record["status"]], record["status"])
        priority = record["priority"]
        assert (row["priority"], row["priority_raw"]) == (priority and priority.upper(), priority)
        assert row["tags"] == record["tags"]
        assert row["channel"] == record["via"]["channel"]
        assert row["due_at"] == _moment(record["due_at"])


def test_money_is_in_minor_units_of_its_currency(filled: Index) -> None:
    deals = _records(filled.simulator.company, "salesforce", "Opportunity")
    for row in filled.rows("opportunity"):
        record = deals[row["remote_id"]]
        amount, currency = record["Amount"], record["CurrencyIsoCode"]
        if amount is None:
            assert (row["amount_minor"], row["amount_currency"]) == (None, None)
            continue
        # Salesforce counts in major units; yen have no other
        factor = Decimal(1) if currency == "JPY" else Decimal(100)
        assert row["amount_minor"] == Decimal(str(amount)) * factor
        assert row["amount_currency"] == currency
    bills = _records(filled.simulator.company, "stripe", "invoice")
    for row in filled.rows("invoice"):
        record = bills[row["remote_id"]]
        # Stripe counts in minor units, and in yen for yen
        assert row["total_minor"] == record["total"]
        assert row["amount_paid_minor"] == record["amount_paid"]
        assert row["total_currency"] == record["currency"].upper()
    currencies = {row["amount_currency"] for row in filled.rows("opportunity")}
    assert {"USD", "EUR", "JPY"} <= currencies


def test_deals_are_open_won_or_lost(filled: Index) -> None:
    records = _records(filled.simulator.company, "salesforce", "Opportunity")
    seen = set()
    for row in filled.rows("opportunity"):
        record = records[row["remote_id"]]
        expected = "WON" if record["IsWon"] else "LOST" if record["IsClosed"] else "OPEN"
        assert row["status"] == expected
        assert row["stage"] == record["StageName"]
        seen.add(expected)
    assert seen == {"WON", "LOST", "OPEN"}


def test_fields_of_the_customers_own_making_are_kept(filled: Index) -> None:
    accounts = _records(filled.simulator.company, "salesforce", "Account")
    for row in filled.rows("account", source="salesforce"):
        record = accounts[row["remote_id"]]
        # zero is a value; null and empty text are none
        own = {name for name in record if name[-3:] == "__c" and record[name] not in (None, "")}
        # Region__c and Tier__c have fields of the model
        assert row["custom"].keys() == own - {"Region__c", "Tier__c"}
    tickets = _records(filled.simulator.company, "zendesk", "ticket")
    for row in filled.rows("ticket", source="zendesk"):
        fields = tickets[row["remote_id"]]["custom_fields"]
        assert row["custom"].keys() == {str(field["id"]) for field in fields if field["value"]}
    customers = _records(filled.simulator.company, "stripe", "customer")
    for row in filled.rows("account", source="stripe"):
        metadata = customers[row["remote_id"]]["metadata"]
        assert row["custom"].keys() == metadata.keys() - {"salesforce_account_id"}


REFERENCES = [
    # entity, source, foreign key, entity it leads to, key in the raw record
    ("account", "salesforce", "owner_id", "user", "OwnerId"),
    ("contact", "salesforce", "account_id", "account", "AccountId"),
    ("opportunity", "salesforce", "account_id", "account", "AccountId"),
    ("opportunity", "salesforce", "owner_id", "user", "OwnerId"),
    ("contact", "zendesk", "account_id", "account", "organization_id"),
    ("ticket", "zendesk", "account_id", "account", "organization_id"),
    ("ticket", "zendesk", "requester_id", "contact", "requester_id"),
    ("ticket", "zendesk", "assignee_id", "user", "assignee_id"),
    ("comment", "zendesk", "ticket_id", "ticket", "ticket_id"),
    ("subscription", "stripe", "account_id", "account", "customer"),
    ("invoice", "stripe", "account_id", "account", "customer"),
    ("invoice", "stripe", "subscription_id", "subscription", "subscription"),
]


@pytest.mark.parametrize(("entity", "source", "column", "target", "key"), REFERENCES)
def test_foreign_keys_lead_to_the_row_of_the_record_they_name(
    filled: Index, entity: str, source: str, column: str, target: str, key: str
) -> None:
    targets = {row["id"]: row for row in filled.rows(target, source=source, deleted=True)}
    raw = {
        (row["stream"], row["key"]): row["data"] for row in filled.ask("SELECT * FROM remit.record")
    }
    matched = 0
    for row in filled.rows(entity, source=source):
        remote = raw[row["stream"], row["remote_id"]][key]
        if remote is None:
            assert row[column] is None
        elif row[column] in targets:
            assert targets[row[column]]["remote_id"] == str(remote)
            matched += 1
    assert matched > 0


def test_comments_are_text_without_markup_by_their_author(filled: Index) -> None:
    people = {
        row["id"] for entity in ("user", "contact") for row in filled.rows(entity, deleted=True)
    }
    records = _records(filled.simulator.company, "zendesk", "comment")
    for row in filled.rows("comment", source="zendesk"):
        assert row["public"] == records[row["remote_id"]]["public"]
        assert row["author_id"] in people
        assert "<p>" not in (row["body"] or "")
        assert "<br" not in (row["body"] or "")


def test_deleted_records_have_the_time_of_their_deletion(filled: Index) -> None:
    rows = filled.rows("ticket", source="zendesk", deleted=True)
    gone = [row for row in rows if row["deleted_at"] is not None]
    records = _records(filled.simulator.company, "zendesk", "ticket")
    assert gone
    for row in gone:
        record = records[row["remote_id"]]
        assert record["status"] == "deleted"
        assert row["deleted_at"] == _moment(record["updated_at"])


def test_accounts_of_one_customer_are_linked(filled: Index) -> None:
    acme = filled.simulator.company.customer("acme")
    remote = {*acme.accounts, *map(str, acme.organizations), *acme.stripe_customers}
    members = [row["id"] for row in filled.rows("account") if row["remote_id"] in remote]
    links = filled.ask("SELECT member_id, customer_id FROM remit.identity_link")
    customers = {link["customer_id"] for link in links if link["member_id"] in members}
    assert len(customers) == 1


def test_a_sync_run_keeps_its_report(filled: Index) -> None:
    runs = filled.ask("SELECT * FROM remit.sync_run")
    assert {run["source"] for run in runs} == set(VENDORS)
    for run in runs:
        assert run["tenant_id"] == TENANT
        assert run["finished_at"] > run["started_at"]
        for stream in run["report"].values():
            assert stream["read"] == stream["written"] + stream["unchanged"] + stream["rejected"]


def test_streams_read_to_their_end_are_fresh(filled: Index) -> None:
    runs = {run["source"]: run["started_at"] for run in filled.ask("SELECT * FROM remit.sync_run")}
    states = filled.ask("SELECT * FROM remit.stream_state")
    assert len(states) == 14
    for state in states:
        # as of the moment its reading began: later changes may be missing
        assert state["synced_at"] >= runs[state["source"]]


def test_progress_is_told(index: Index) -> None:
    told: list[Progress] = []
    index.sync("zendesk", progress=told.append)
    for step, following in pairwise(told):
        assert step.stream != following.stream or step.read <= following.read
    assert {step.stream for step in told} == {"users", "organizations", "tickets", "comments"}

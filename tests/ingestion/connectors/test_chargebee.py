"""Chargebee from its API to rows: values, references, changes, deletes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.simulator.chargebee.site import Site
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]


def _records(index: Index, kind: str) -> dict[str, Record]:
    """What is not deleted, by id."""
    records = Site(index.simulator.company).records(kind)
    return {record["id"]: record for record in records if not record["deleted"]}


def _row(index: Index, entity: str, remote_id: str) -> Any:
    rows = index.rows(entity, source="chargebee", deleted=True)
    (row,) = [row for row in rows if row["remote_id"] == remote_id]
    return row


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


KINDS = [("customer", "account"), ("subscription", "subscription"), ("invoice", "invoice")]


@pytest.mark.parametrize(("kind", "entity"), KINDS)
def test_every_living_record_is_a_row(filled: Index, kind: str, entity: str) -> None:
    rows = filled.rows(entity, source="chargebee")
    assert {row["remote_id"] for row in rows} == _records(filled, kind).keys()
    assert len(filled.rows(entity, source="chargebee", deleted=True)) > len(rows)


def test_customers_have_their_values(filled: Index) -> None:
    records = _records(filled, "customer")
    for row in filled.rows("account", source="chargebee"):
        record = records[row["remote_id"]]
        known = record["meta_data"].get("salesforce_account_id")
        assert row["name"] == record["company"]
        assert row["email"] == record["email"]
        assert row["domains"] == [record["email"].partition("@")[2]]
        assert row["external_ids"] == ([f"salesforce:{known}"] if known else None)
        assert row["created_at"] == _moment(record["created_at"])
        # metadata, and fields of the site's own making
        assert row["custom"] == {
            "source": "import", "cf_account_manager": record["cf_account_manager"],
        }  # fmt: skip


SUBSCRIPTIONS = {
    "active": ("ACTIVE", False),
    "non_renewing": ("ACTIVE", True),  # until the term ends
    "in_trial": ("TRIALING", False),
    "paused": ("PAUSED", False),
    "cancelled": ("CANCELED", False),
    "transferred": ("CANCELED", False),
    "future": (None, False),  # we have no word for it; it is kept as it came
}


def test_subscriptions_have_their_values(filled: Index) -> None:
    records = _records(filled, "subscription")
    for row in filled.rows("subscription", source="chargebee"):
        record = records[row["remote_id"]]
        (item,) = record["subscription_items"]
        status, ends = SUBSCRIPTIONS[record["status"]]
        assert (row["status"], row["cancel_at_period_end"]) == (status, ends)
        assert row["status_raw"] == record["status"]
        assert (row["plan"], row["quantity"]) == (item["item_price_id"], item["quantity"])
        # minor units, and yen for yen
        assert row["unit_amount_minor"] == item["unit_price"]
        assert row["unit_amount_currency"] == record["currency_code"]
        assert row["period_end"] == _moment(record.get("current_term_end"))


INVOICES = {"pending": "DRAFT", "posted": "OPEN", "payment_due": "OPEN", "paid": "PAID",
            "not_paid": "UNCOLLECTIBLE", "voided": "VOID"}  # fmt: skip


def test_invoices_have_their_values(filled: Index) -> None:
    records = _records(filled, "invoice")
    owners = {row["id"]: row["remote_id"] for row in filled.rows("account", source="chargebee")}
    plans = {row["id"]: row["remote_id"] for row in
             filled.rows("subscription", source="chargebee")}  # fmt: skip
    seen = set()
    for row in filled.rows("invoice", source="chargebee"):
        record = records[row["remote_id"]]
        assert (row["number"], row["status"]) == (record["id"], INVOICES[record["status"]])
        assert row["total_minor"] == record["total"]
        assert row["amount_due_minor"] == record["amount_due"]
        assert row["paid_at"] == _moment(record.get("paid_at"))
        assert owners[row["account_id"]] == record["customer_id"]
        assert plans[row["subscription_id"]] == record["subscription_id"]
        seen.add(row["total_currency"])
    assert {"EUR", "JPY", "USD"} <= seen


def test_a_paid_invoice_is_read_alone(synced: Index) -> None:
    invoice = next(key for key, record in _records(synced, "invoice").items()
                   if record["amount_due"])  # fmt: skip
    synced.simulator.change("chargebee", "invoice", invoice, status="paid")
    report = synced.sync("chargebee")
    assert {s.stream: s.written for s in report.streams if s.written} == {"invoices": 1}
    row = _row(synced, "invoice", invoice)
    assert (row["status"], row["amount_due_minor"]) == ("PAID", 0)
    assert row["paid_at"] is not None


def test_a_deleted_customer_goes_with_all_that_was_theirs(synced: Index) -> None:
    subscription = next(iter(_records(synced, "subscription").values()))
    customer = subscription["customer_id"]
    synced.simulator.delete("chargebee", "customer", customer)
    assert synced.sync("chargebee").complete
    assert _row(synced, "account", customer)["deleted_at"] is not None
    assert _row(synced, "subscription", subscription["id"])["deleted_at"] is not None
    left = {row["account_id"] for row in synced.rows("invoice", source="chargebee")}
    assert _row(synced, "account", customer)["id"] not in left

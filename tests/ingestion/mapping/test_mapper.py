"""Records to rows: cases that the sample company does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from index.incoming import Unstorable
from index.stream import Stream, row_id
from ingestion.airbyte.origin import Origin
from ingestion.mapping.mapper import Mapped, Unmappable
from ingestion.source import Source
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS: dict[str, dict[str, object]] = {
    "salesforce": {"base_url": "https://acme.example/", "client_id": "i", "client_secret": "s"},
    "zendesk": {"base_url": "https://acme.example", "email": "e", "api_token": "t"},
    "stripe": {"api_key": "k"},
    "hubspot": {"access_token": "t", "portal_id": "77"},
}


def _map(
    model: Model, connector: str, stream: str, record: dict[str, Any], **settings: str
) -> Mapped:
    given = {**SETTINGS[connector], **settings}
    origin = Origin(connector=connector)
    source = Source(SourceConfig("source", connector, given, origin=origin), model.specs)
    return source.mapper(stream, "tenant").map(record, at=NOW)


def _row(model: Model, connector: str, stream: str, **record: Any) -> dict[str, Any]:
    row = _map(model, connector, stream, {"id": 1, "Id": "x", **record}).incoming.row
    assert row is not None
    return dict(row)


CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # a value nobody knows becomes null, and is kept as the source wrote it
    (
        "zendesk",
        "tickets",
        {"status": "escalated", "priority": "p0"},
        {"status": None, "status_raw": "escalated", "priority": None, "priority_raw": "p0"},
    ),
    # names are joined from what there is of them
    ("salesforce", "contacts", {"FirstName": None, "LastName": " Ng "}, {"name": "Ng"}),
    ("salesforce", "contacts", {"FirstName": "", "LastName": ""}, {"name": None}),
    # the first number there is
    ("salesforce", "contacts", {"Phone": "", "MobilePhone": "+1 555"}, {"phone": "+1 555"}),
    # company domains, however the address is written
    ("salesforce", "accounts", {"Website": "https://WWW.Acme.example/de"},
     {"domains": ["acme.example"]}),
    ("salesforce", "accounts", {"Website": "acme.example:8080"}, {"domains": ["acme.example"]}),
    ("salesforce", "accounts", {"Website": "none"}, {"domains": None}),
    ("salesforce", "accounts", {"Website": "http://[broken"}, {"domains": None}),
    ("stripe", "customers", {"email": "Ann <A@Acme.Example>"}, {"domains": ["acme.example"]}),
    ("stripe", "customers", {"email": "no address"}, {"domains": None}),
    ("zendesk", "organizations", {"domain_names": ["Acme.Example", "acme.example"]},
     {"domains": ["acme.example"]}),
    # only what looks like an id of the other system is one
    ("zendesk", "organizations", {"external_id": "001Kd0000000001IAA"},
     {"external_ids": ["salesforce:001Kd0000000001IAA"]}),
    ("zendesk", "organizations", {"external_id": "erp-4711"}, {"external_ids": None}),
    ("stripe", "customers", {"metadata": {"salesforce_account_id": "?"}}, {"external_ids": None}),
    # the address of a page for people
    ("zendesk", "tickets", {"id": 42}, {"remote_url": "https://acme.example/agent/tickets/42"}),
    ("salesforce", "users", {"Id": "005"},
     {"remote_url": "https://acme.example/lightning/r/User/005/view"}),
    # no address at all where a part of it is missing
    ("salesforce", "case_comments", {"ParentId": None}, {"remote_url": None}),
    # Stripe before and since API version 2025-03-31
    ("stripe", "subscriptions", {"current_period_end": 1_793_491_200},
     {"period_end": datetime(2026, 11, 1, tzinfo=UTC)}),
    ("stripe", "subscriptions", {"items": {"data": [{"current_period_end": 1_793_491_200}]}},
     {"period_end": datetime(2026, 11, 1, tzinfo=UTC)}),
    # and before there were prices
    ("stripe", "subscriptions",
     {"items": {"data": [{"plan": {"id": "gold", "amount": 500, "currency": "eur"}}]}},
     {"plan": "gold", "unit_amount_minor": 500, "unit_amount_currency": "EUR"}),
    # what a case's own flag and its org's words say; a word that only the org knows is open
    ("salesforce", "cases", {"IsClosed": True, "Status": "Resolved"},
     {"status": "CLOSED", "status_raw": "Resolved"}),
    ("salesforce", "cases", {"IsClosed": False, "Status": "With R&D"},
     {"status": "OPEN", "status_raw": "With R&D"}),
    ("salesforce", "cases", {"OwnerId": "00GKd0000000001AAA"}, {"assignee_id": None}),
    # a stage that nobody knows any more leaves its id, and is open
    ("hubspot", "tickets", {"stage": None, "properties": {"hs_pipeline_stage": "17"}},
     {"status": "OPEN", "status_raw": "17"}),
    ("hubspot", "deals", {"stage": {"metadata": {"probability": "0.35"}}, "properties": {}},
     {"probability": Decimal(35)}),
    ("hubspot", "deals", {"properties": {"hs_object_id": "9"}},
     {"remote_url": "https://app.hubspot.com/contacts/77/record/0-3/9", "custom": {}}),
    # yen have no minor unit
    ("stripe", "invoices", {"total": 5000, "currency": "jpy"},
     {"total_minor": 5000, "total_currency": "JPY"}),
    ("salesforce", "opportunities", {"Amount": 5000.0, "CurrencyIsoCode": "JPY"},
     {"amount_minor": 5000, "amount_currency": "JPY"}),
    # custom fields: what is empty says nothing, what is false or zero does
    ("salesforce", "accounts", {"A__c": None, "B__c": " ", "C__c": 0, "D__c": False},
     {"custom": {"C__c": 0, "D__c": False}}),
]  # fmt: skip


@pytest.mark.parametrize(("connector", "stream", "record", "expected"), CASES)
def test_row(
    model: Model, connector: str, stream: str, record: dict[str, Any], expected: dict[str, Any]
) -> None:
    row = _row(model, connector, stream, **record)
    assert {name: row[name] for name in expected} == expected


SUBSCRIPTION = "sub_1"
INVOICES = [
    {"subscription": SUBSCRIPTION},
    {"subscription": {"id": SUBSCRIPTION, "object": "subscription"}},  # expanded
    {"parent": {"subscription_details": {"subscription": SUBSCRIPTION}}},  # since 2025-03-31
    {"parent": {"subscription_details": {"subscription": {"id": SUBSCRIPTION}}}},
]


@pytest.mark.parametrize("record", INVOICES)
def test_invoice_finds_its_subscription_in_every_version(
    model: Model, record: dict[str, Any]
) -> None:
    row = _row(model, "stripe", "invoices", **record)
    expected = Stream(tenant="tenant", source="source", name="subscriptions")
    assert row["subscription_id"] == row_id(expected, SUBSCRIPTION)


def test_org_with_a_single_currency_names_it_in_its_settings(model: Model) -> None:
    deal = {"Id": "006", "Amount": 12.5}
    with pytest.raises(Unmappable, match="field amount: it has no currency"):
        _map(model, "salesforce", "opportunities", deal)
    row = _map(model, "salesforce", "opportunities", deal, currency="EUR").incoming.row
    assert row is not None
    assert (row["amount_minor"], row["amount_currency"]) == (1250, "EUR")


def test_rows_of_an_entity_have_the_same_columns(model: Model) -> None:
    full = _row(model, "zendesk", "tickets", subject="x", organization_id=1, status="new")
    assert _row(model, "zendesk", "tickets").keys() == full.keys()


def test_what_is_about_the_answer_is_not_stored(model: Model) -> None:
    mapped = _map(model, "zendesk", "tickets", {"id": 1, "generated_timestamp": 5, "subject": "x"})
    assert orjson.loads(mapped.incoming.data) == {"id": 1, "subject": "x"}


def test_deletion_without_a_time_is_dated_now(model: Model) -> None:
    mapped = _map(model, "stripe", "customers", {"id": "cus_1", "deleted": True})
    assert mapped.deleted
    assert mapped.incoming.row is not None
    assert mapped.incoming.deleted_at == NOW


def test_deletion_that_makes_no_row_is_one_all_the_same(model: Model) -> None:
    mapped = _map(model, "stripe", "customers", {"id": "c", "deleted": True, "created": "soon"})
    assert mapped.deleted
    assert (mapped.incoming.entity, mapped.incoming.row) == (None, None)
    assert mapped.incoming.deleted_at == NOW


UNMAPPABLE = [
    ("zendesk", "tickets", {"subject": "no id"}, "it has no key"),
    ("zendesk", "tickets", {"id": 1, "due_at": "soon"}, "field due_at: it is not a time"),
    ("zendesk", "tickets", {"id": 1, "updated_at": "soon"}, "its time of change: it is not a time"),
    ("zendesk", "tickets", {"id": 1, "subject": {"a": 1}}, "field subject: it is an object"),
    ("zendesk", "tickets", {"id": {"a": 1}}, "its key: it is an object"),
    ("zendesk", "tickets", {"id": 1, "requester_id": {"a": 1}}, "requester_id: it is an object"),
    ("stripe", "invoices", {"id": "in_1", "total": 1}, "field total: it has no currency"),
    ("salesforce", "opportunities", {"Id": "006", "Amount": "1e400", "CurrencyIsoCode": "EUR"},
     "field amount: it does not fit into 64 bits"),
    ("stripe", "subscriptions", {"id": "s", "quantity": 1.5}, "quantity: it is not a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("connector", "stream", "record", "reason"), UNMAPPABLE)
def test_unmappable_record_names_field_and_reason(
    model: Model, connector: str, stream: str, record: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unmappable, match=reason):
        _map(model, connector, stream, record)


UNSTORABLE = [
    {"id": 1, "subject": "a\x00b"},  # Postgres text has no NUL
    {"id": 1, "custom": 2**70},  # beyond 64 bits
    {"id": 1, "subject": "\ud800"},  # half a surrogate pair
]


@pytest.mark.parametrize("record", UNSTORABLE)
def test_unstorable_record(model: Model, record: dict[str, Any]) -> None:
    with pytest.raises(Unstorable):
        _map(model, "zendesk", "tickets", record)


def test_the_letters_of_an_escape_are_no_nul(model: Model) -> None:
    row = _row(model, "zendesk", "tickets", subject="why does \\u0000 break the import?")
    assert row["subject"] == "why does \\u0000 break the import?"

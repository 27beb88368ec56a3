from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from ingestion.simulator import Company, Simulator
from tests.ingestion.simulator.clients import stripe_client

BASIL = "2025-03-31.basil"


def test_the_stripe_client_pages_newest_first_through_everything(shared: Simulator) -> None:
    client = stripe_client(shared)
    listed = list(client.v1.invoices.list({"limit": 100}).auto_paging_iter())
    assert len(listed) == len(shared.company.stripe["invoice"])
    created = [invoice.created for invoice in listed]
    assert created == sorted(created, reverse=True)


def test_reading_backwards_gives_the_same_pages(shared: Simulator) -> None:
    customers = stripe_client(shared).v1.customers
    first = customers.list({"limit": 5})
    second = customers.list({"limit": 5, "starting_after": first.data[-1].id})
    back = customers.list({"limit": 5, "ending_before": second.data[0].id})
    assert [c.id for c in back.data] == [c.id for c in first.data]
    assert not back.has_more
    assert second.has_more


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ("gte", lambda moment, at: moment >= at),  # the bound itself is in
        ("gt", lambda moment, at: moment > at),  # and here it is not
        ("lte", lambda moment, at: moment <= at),
        ("lt", lambda moment, at: moment < at),
    ],
)
def test_created_bounds(shared: Simulator, bound: str, holds: Any) -> None:
    everything = shared.company.stripe["invoice"]
    at = sorted(invoice["created"] for invoice in everything)[700]
    query: Any = {"limit": 100, "created": {bound: at}}
    found = stripe_client(shared).v1.invoices.list(query)
    ids = {invoice.id for invoice in found.auto_paging_iter()}
    assert ids == {i["id"] for i in everything if holds(i["created"], at)}


def test_filters(shared: Simulator) -> None:
    client = stripe_client(shared)
    acme = shared.company.customer("acme").stripe_customers[0]
    due = client.v1.invoices.list({"customer": acme, "status": "open", "limit": 100})
    assert len(due.data) == 3
    assert client.v1.customers.list({"email": "billing@acme-corp.example"}).data[0].id == acme


def test_canceled_subscriptions_are_listed_only_when_asked_for(shared: Simulator) -> None:
    subscriptions = stripe_client(shared).v1.subscriptions
    plain = {s.status for s in subscriptions.list({"limit": 100}).auto_paging_iter()}
    everything = list(subscriptions.list({"limit": 100, "status": "all"}).auto_paging_iter())
    assert "canceled" not in plain
    assert len(everything) == len(shared.company.stripe["subscription"])
    ended = subscriptions.list({"limit": 100, "status": "ended"}).auto_paging_iter()
    assert {s.status for s in ended} <= {"canceled", "incomplete_expired"}


def test_a_deleted_customer_is_a_stub_and_in_no_list(shared: Simulator) -> None:
    client = stripe_client(shared)
    gone = next(c["id"] for c in shared.company.stripe["customer"] if c.get("deleted"))
    assert client.v1.customers.retrieve(gone).to_dict() == {
        "id": gone,
        "object": "customer",
        "deleted": True,
    }
    assert gone not in {c.id for c in client.v1.customers.list({"limit": 100}).auto_paging_iter()}
    # Its invoices stay behind.
    assert client.v1.invoices.list({"customer": gone}).data


def test_the_old_version_has_the_old_shapes(shared: Simulator) -> None:
    client = stripe_client(shared)
    acme = shared.company.customer("acme").stripe_customers[0]
    subscription = client.v1.subscriptions.list({"customer": acme}).data[0].to_dict()
    assert subscription["current_period_end"] > subscription["current_period_start"]
    invoices = client.v1.invoices.list({"subscription": subscription["id"]}).data
    assert len(invoices) == 10
    assert all(invoice.to_dict()["subscription"] == subscription["id"] for invoice in invoices)


def test_basil_has_the_new_shapes(shared: Simulator) -> None:
    client = stripe_client(shared, BASIL)
    acme = shared.company.customer("acme").stripe_customers[0]
    subscription = client.v1.subscriptions.list({"customer": acme}).data[0]
    assert "current_period_end" not in subscription.to_dict()
    assert subscription["items"].data[0].current_period_end
    invoice = client.v1.invoices.list({"subscription": subscription.id}).data[0]
    plain = invoice.to_dict()
    assert plain.keys().isdisjoint({"subscription", "charge", "paid", "tax"})
    assert plain["parent"]["subscription_details"]["subscription"] == subscription.id
    line = plain["lines"]["data"][0]
    assert line["pricing"]["price_details"]["price"].startswith("price_")
    assert "price" not in line


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("customer", stripe.Customer),
        ("invoice", stripe.Invoice),
        ("subscription", stripe.Subscription),
    ],
)
def test_new_shapes_have_only_fields_that_stripe_s_own_classes_know(
    shared: Simulator, kind: str, shape: type
) -> None:
    known = {name for part in shape.__mro__ for name in getattr(part, "__annotations__", {})}
    service = getattr(stripe_client(shared, BASIL).v1, f"{kind}s")
    for record in service.list({"limit": 100}).data:
        assert record.to_dict().keys() - known == set()


def test_an_unknown_version_is_refused(shared: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        stripe_client(shared, "yesterday").v1.customers.list()


def test_events_of_the_last_thirty_days(shared: Simulator) -> None:
    events = stripe_client(shared).v1.events
    listed = list(events.list({"limit": 100}).auto_paging_iter())
    oldest = (shared.company.as_of - timedelta(days=30)).timestamp()
    assert {event.type.split(".")[0] for event in listed} == {"customer", "invoice"}
    assert all(event.created >= oldest for event in listed)
    assert {event.api_version for event in listed} == {"2022-11-15"}
    wanted = ["invoice.paid", "customer.deleted"]
    some = list(events.list({"limit": 100, "types": wanted}).auto_paging_iter())
    assert {event.type for event in some} == set(wanted)
    assert len(some) == sum(event.type in wanted for event in listed)
    assert events.list({"type": "invoice.paid"}).data[0].data.object["status"] == "paid"
    assert events.retrieve(listed[0].id).id == listed[0].id


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("limit=101", "parameter_invalid_integer", "limit"),
        ("limit=0", "parameter_invalid_integer", "limit"),
        ("limit=ten", "parameter_invalid_integer", "limit"),
        ("created[gte]=yesterday", "parameter_invalid_integer", "created[gte]"),
        ("colour=red", "parameter_unknown", "colour"),
        ("starting_after=cus_nobody", "resource_missing", "starting_after"),
    ],
)
def test_wrong_lists_are_refused(
    shared: Simulator, http: httpx.Client, query: str, code: str, parameter: str
) -> None:
    key = shared.credentials["stripe"]["api_key"]
    answer = http.get(f"{shared.stripe_url}/v1/customers?{query}", auth=(key, ""))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error", code, parameter,
    )  # fmt: skip


def test_missing_objects_and_wrong_keys(shared: Simulator) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        stripe_client(shared).v1.invoices.retrieve("in_nothing")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    other = stripe.StripeClient("sk_test_other", base_addresses={"api": shared.stripe_url})
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        other.v1.customers.list()


def test_the_account_itself(shared: Simulator) -> None:
    client = stripe_client(shared)
    (account,) = client.v1.accounts.list().data
    assert account.country == "US"


def test_page_limit_makes_pages_smaller(company: Company) -> None:
    with Simulator(company, page_limit=4) as sim:
        page = stripe_client(sim).v1.customers.list({"limit": 100})
        assert len(page.data) == 4
        assert page.has_more

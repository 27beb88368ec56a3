"""The simulated Chargebee, read with Chargebee's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import chargebee  # type: ignore[import-untyped]
import httpx
import pytest
from chargebee.models.customer.responses import (  # type: ignore[import-untyped]
    CustomerResponse,
)
from chargebee.models.invoice.responses import (  # type: ignore[import-untyped]
    InvoiceResponse,
)
from chargebee.models.subscription.responses import (  # type: ignore[import-untyped]
    SubscriptionItemResponse,
    SubscriptionResponse,
)

from ingestion.simulator import Company, Simulator


@pytest.fixture(scope="module")
def billing(company: Company) -> Iterator[Simulator]:
    with Simulator(company, vendors=["chargebee"]) as sim:
        yield sim


@pytest.fixture
def client(billing: Simulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Its own client speaks https to chargebee.com only, unless it is told otherwise.
    monkeypatch.setattr(chargebee.Chargebee, "verify_ca_certs", False)
    client = chargebee.Chargebee(billing.credentials["chargebee"]["api_key"], "northbeam")
    client.update_protocol("http")
    client.env.api_endpoint = f"{billing.urls['chargebee']}/api/v2"
    return client


def _pages(resource: Any, **asked: Any) -> Iterator[Any]:
    while True:
        page = resource.list(asked)
        yield page.list
        if page.next_offset is None:
            return
        asked["offset"] = page.next_offset


def _times(client: Any, **asked: Any) -> list[int]:
    pages = _pages(client.Invoice, limit=100, **asked)
    return [entry.invoice.updated_at for page in pages for entry in page]


def test_lists_page_in_the_order_asked_for(client: Any) -> None:
    times = _times(client, **{"sort_by[asc]": "updated_at"})
    assert times == sorted(times)
    assert len(times) > 200
    middle = times[len(times) // 2]
    late = _times(client, **{"updated_at[after]": middle})
    early = _times(client, **{"updated_at[before]": middle})
    assert sorted(late) == [moment for moment in times if moment > middle]  # the bound is out
    assert sorted(early) == [moment for moment in times if moment < middle]
    assert len(_times(client, include_deleted="true")) > len(times)


def test_a_page_stays_when_other_records_come(company: Company) -> None:
    with Simulator(company, vendors=["chargebee"]) as sim, _http(sim) as http:
        asked: dict[str, Any] = {"limit": 5, "sort_by[asc]": "updated_at"}
        first = http.get("/invoices", params=asked).json()
        offset = first["next_offset"]
        second = http.get("/invoices", params={**asked, "offset": offset}).json()["list"]
        owner = second[0]["invoice"]["customer_id"]
        sim.create("chargebee", "invoice", customer_id=owner, total=1)
        again = http.get("/invoices", params={**asked, "offset": offset}).json()["list"]
        assert again == second


SHAPES = [
    # resource, record in an entry, its class in Chargebee's client
    ("Customer", "customer", CustomerResponse),
    ("Subscription", "subscription", SubscriptionResponse),
    ("Invoice", "invoice", InvoiceResponse),
]


@pytest.mark.parametrize(("resource", "name", "shape"), SHAPES)
def test_records_have_only_fields_that_chargebee_s_own_classes_know(
    client: Any, resource: str, name: str, shape: type
) -> None:
    known = {*shape.__annotations__, "object"}
    for entry in getattr(client, resource).list({"limit": 100}).list:
        given = getattr(entry, name).raw_data
        own = {field for field in given if field.startswith("cf_")}  # of the site's own making
        assert given.keys() - known - own == set()
        for item in given.get("subscription_items", ()):
            assert item.keys() - {*SubscriptionItemResponse.__annotations__, "object"} == set()
        assert None not in given.values()  # what has no value is left out


def test_single_records_are_wrapped_as_in_lists(client: Any) -> None:
    entry = client.Subscription.list({"limit": 1}).list[0]
    one = client.Subscription.retrieve(entry.subscription.id)
    assert one.subscription.raw_data == entry.subscription.raw_data
    assert one.customer.id == entry.subscription.customer_id


def _http(sim: Simulator, key: str | None = None) -> httpx.Client:
    return httpx.Client(
        base_url=f"{sim.urls['chargebee']}/api/v2",
        auth=(key or sim.credentials["chargebee"]["api_key"], ""),
        timeout=20,
        trust_env=False,
    )


REFUSALS = [
    # path and query, status, code
    ("/customers?limit=101", 400, "param_wrong_value"),
    ("/customers?colour=red", 400, "param_wrong_value"),
    ("/customers?updated_at[after]=yesterday", 400, "param_wrong_value"),
    ("/customers?sort_by[asc]=email", 400, "param_wrong_value"),
    ("/customers?offset=5", 400, "param_wrong_value"),
    ("/customers/nobody", 404, "resource_not_found"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSALS)
def test_refusals(billing: Simulator, path: str, status: int, code: str) -> None:
    with _http(billing) as http:
        answer = http.get(path)
    assert answer.status_code == status
    assert (answer.json()["api_error_code"], answer.json()["http_status_code"]) == (code, status)


def test_another_key_is_refused(billing: Simulator) -> None:
    with _http(billing, "test_other") as http:
        answer = http.get("/customers")
    assert answer.status_code == 401
    assert answer.json()["api_error_code"] == "api_authentication_failed"


def test_changes(company: Company) -> None:
    with Simulator(company, vendors=["chargebee"]) as sim, _http(sim) as http:
        customer = sim.create("chargebee", "customer", company="Fresh", email="a@fresh.example")
        plan = sim.create("chargebee", "subscription", customer_id=customer["id"])
        invoice = sim.create(
            "chargebee", "invoice", customer_id=customer["id"], subscription_id=plan["id"],
            total=1200,
        )  # fmt: skip
        assert "last_name" not in customer
        paid = sim.change("chargebee", "invoice", invoice["id"], status="paid")
        assert (paid["amount_paid"], paid["amount_due"]) == (1200, 0)
        sim.delete("chargebee", "customer", customer["id"])
        assert http.get(f"/invoices/{invoice['id']}").status_code == 404
        sim.fault("chargebee", "rate_limited", times=1)
        limited = http.get("/customers")
        assert limited.status_code == 429
        assert limited.json()["api_error_code"] == "api_request_limit_exceeded"

"""What a user may not see and what does not exist answer alike, byte for byte."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from ingestion.simulator import Company
from tests.api.site import Site

# Of the same length as the name that lena may not see, since an answer may repeat the question.
_FORBIDDEN = "Acme Corporation"
_NONEXISTENT = "Zyxw Corporation"


@pytest.fixture(scope="session")
def hidden(site: Site) -> dict[str, str]:
    """The ids of rows that lena may not see, found as somebody who may."""
    customer = site.data(
        "omar",
        '{ customer(name: "Acme Corporation") { id tickets(first: 1) { nodes { id } }'
        " invoices(first: 1) { nodes { id } } contacts(first: 1) { nodes { id } }"
        " accounts(first: 1) { nodes { id } } opportunities(first: 1) { nodes { id } }"
        " subscriptions(first: 1) { nodes { id } } } }",
    )["customer"]
    lists = {name: page["nodes"][0]["id"] for name, page in customer.items() if name != "id"}
    return {"customer": customer["id"], "opportunity": lists.pop("opportunities")} | {
        name.removesuffix("s"): id for name, id in lists.items()
    }


ENTITIES = [
    "account",
    "contact",
    "customer",
    "invoice",
    "opportunity",
    "subscription",
    "ticket",
]


NONE_FOR_LENA = {"invoice", "opportunity"}
"""What no policy shows to support at all."""


def _same(one: httpx.Response, other: httpx.Response) -> None:
    assert one.status_code == other.status_code
    assert one.content == other.content
    passing = {"date"}
    assert {k: v for k, v in one.headers.items() if k not in passing} == {
        k: v for k, v in other.headers.items() if k not in passing
    }


@pytest.mark.parametrize("max_age", ["", ", maxAge: 0"], ids=["indexed", "fresh"])
@pytest.mark.parametrize("entity", ENTITIES)
def test_by_id(site: Site, hidden: dict[str, str], entity: str, max_age: str) -> None:
    query = f"query($id: ID!) {{ {entity}(id: $id{max_age}) {{ id __typename }} }}"
    answers = [
        site.post("/graphql", "lena", {"query": query, "variables": {"id": id}})
        for id in (hidden[entity], str(uuid4()))
    ]
    _same(*answers)
    answer = answers[0].json()
    if entity in NONE_FOR_LENA:
        assert "Cannot query field" in answer["errors"][0]["message"]
    else:
        assert answer == {"data": {entity: None}}


@pytest.mark.parametrize("max_age", ["", ", maxAge: 0"], ids=["indexed", "fresh"])
def test_by_name(site: Site, max_age: str) -> None:
    query = f"query($name: String!) {{ customer(name: $name{max_age}) {{ id }} }}"
    _same(
        *(
            site.post("/graphql", "lena", {"query": query, "variables": {"name": name}})
            for name in (_FORBIDDEN, _NONEXISTENT)
        )
    )


def test_a_forbidden_row_costs_no_call_to_its_source(site: Site, hidden: dict[str, str]) -> None:
    for vendor in ("salesforce", "zendesk", "stripe"):
        site.simulator.forget_requests(vendor)
    site.data("lena", f'{{ ticket(id: "{hidden["ticket"]}", maxAge: 0) {{ id }} }}')
    tickets = "{ tickets(maxAge: 0) { totalCount } }"
    site.data("lena", f'{{ customer(name: "{_FORBIDDEN}", maxAge: 0) {tickets} }}')
    for vendor in ("salesforce", "zendesk", "stripe"):
        assert site.simulator.requests(vendor) == []


def test_counts_and_filters(site: Site) -> None:
    query = (
        "query($name: String!) { customers(where: {name: {eq: $name}}) { totalCount nodes { id }"
        " pageInfo { hasNextPage endCursor } } }"
    )
    _same(
        *(
            site.post("/graphql", "lena", {"query": query, "variables": {"name": name}})
            for name in (_FORBIDDEN, _NONEXISTENT)
        )
    )


def test_a_hidden_parent_of_a_visible_row(site: Site) -> None:
    """Users are colleagues of everybody; what they own is not."""
    query = (
        "{ users(first: 200) { nodes { id } } tickets(first: 200) { nodes { number"
        " customer { region } } } }"
    )
    tickets = site.data("lena", query)["tickets"]["nodes"]
    assert {ticket["customer"]["region"] for ticket in tickets} == {"AMER"}


def test_nothing_changes_when_what_is_forbidden_ceases_to_exist(
    own_site: Site, company: Company
) -> None:
    """The same questions before and after the customer was deleted everywhere."""
    acme = company.customer("acme")
    names = [_FORBIDDEN, "Acme", "ACME Corp.", "acme corporatoin", "Acme Foods"]
    lookup = "query($name: String!) { customer(name: $name, maxAge: 0) { name } }"

    def answers() -> list[bytes | str]:
        by_name = [
            own_site.post(
                "/graphql", "lena", {"query": lookup, "variables": {"name": name}}
            ).content
            for name in names
        ]
        in_words = [
            own_site.tool("lena", "ask", {"request": f"customer {name}"}).model_dump_json()
            for name in names[:-1]
        ]
        return [*by_name, *in_words]

    before = answers()
    for vendor, kind, ids in (
        ("salesforce", "Account", acme.accounts),
        ("zendesk", "organization", acme.organizations),
        ("stripe", "customer", acme.stripe_customers),
    ):
        for id in ids:
            own_site.simulator.delete(vendor, kind, id)
    own_site.sync()
    assert own_site.data("maya", '{ customer(name: "Acme") { id } }') == {"customer": None}
    assert answers() == before


@pytest.mark.parametrize(
    "query",
    [
        # Filter, sort: what is hidden from omar must not be found by asking for it.
        '{ tickets(where: {description: {contains: "a"}}) { totalCount } }',
        "{ tickets(orderBy: [DESCRIPTION_ASC]) { nodes { id } } }",
    ],
)
def test_a_hidden_field_cannot_be_filtered_or_sorted(site: Site, query: str) -> None:
    answer = site.graphql("omar", query)
    assert answer["data"] is None or not any(answer["data"].values())
    assert answer["errors"][0]["extensions"]["code"] in ("NOT_PERMITTED", "INVALID_REQUEST")


def test_masked_fields_never_leave_in_the_clear(site: Site) -> None:
    page = "{ contacts(first: 200) { nodes { email phone hiddenFields } } }"
    contacts = site.data("omar", page)["contacts"]["nodes"]
    assert contacts
    for contact in contacts:
        assert {"email", "phone"} <= set(contact["hiddenFields"])
        assert contact["email"] is None or contact["email"].startswith("•")
    plain = site.data("maya", page)["contacts"]["nodes"]
    assert any("•" not in (contact["email"] or "•") for contact in plain)

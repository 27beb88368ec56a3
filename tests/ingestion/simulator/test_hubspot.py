"""The simulated HubSpot, read with HubSpot's own client, whose models refuse what lacks a field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hubspot import HubSpot  # type: ignore[import-untyped]
from hubspot.crm.associations.v4 import (  # type: ignore[import-untyped]
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicFetchAssociationsBatchRequest,
)
from hubspot.crm.companies import (  # type: ignore[import-untyped]
    ApiException,
    PublicObjectSearchRequest,
)

from ingestion.simulator import Company, Simulator


@pytest.fixture(scope="module")
def hub(company: Company) -> Iterator[Simulator]:
    with Simulator(company, vendors=["hubspot"]) as sim:
        yield sim


def _client(sim: Simulator, token: str | None = None) -> Any:
    return HubSpot(
        access_token=token or sim.credentials["hubspot"]["access_token"], host=sim.urls["hubspot"]
    )


@pytest.fixture
def client(hub: Simulator) -> Any:
    return _client(hub)


def _http(sim: Simulator) -> httpx.Client:
    token = sim.credentials["hubspot"]["access_token"]
    return httpx.Client(
        base_url=sim.urls["hubspot"],
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
        trust_env=False,
    )


def _ids(found: Any) -> list[int]:
    return [int(record.id) for record in found]


@pytest.mark.parametrize("kind", ["companies", "contacts", "deals", "tickets"])
def test_lists_page_by_id_through_everything(client: Any, kind: str) -> None:
    listed = _ids(getattr(client.crm, kind).get_all())
    assert listed == sorted(set(listed))
    binned = getattr(client.crm, kind).basic_api.get_page(archived=True, limit=100).results
    assert binned
    assert all(record.archived and record.archived_at for record in binned)
    assert set(_ids(binned)).isdisjoint(listed)


SHAPES = [
    # path, module of HubSpot's client, its model of one record
    ("/crm/v3/objects/companies", "companies", "SimplePublicObjectWithAssociations"),
    ("/crm/v3/objects/deals?associations=companies", "deals", "SimplePublicObjectWithAssociations"),
    ("/crm/v3/owners", "owners", "PublicOwner"),
    ("/crm/v3/objects/tickets", "tickets", "SimplePublicObjectWithAssociations"),
    (
        "/crm/v3/objects/emails?associations=tickets",
        "objects.emails",
        "SimplePublicObjectWithAssociations",
    ),
    (
        "/crm/v3/objects/notes?associations=tickets",
        "objects.notes",
        "SimplePublicObjectWithAssociations",
    ),
    ("/crm/v3/pipelines/deals", "pipelines", "Pipeline"),
    ("/crm/v3/pipelines/tickets", "pipelines", "Pipeline"),
    ("/crm/v3/properties/contacts", "properties", "ModelProperty"),
]
# In the published description, and younger than the client.
_YOUNGER = {"url", "writePermissions"}


@pytest.mark.parametrize(("path", "module", "model"), SHAPES)
def test_answers_have_only_fields_that_hubspot_s_own_models_know(
    hub: Simulator, path: str, module: str, model: str
) -> None:
    models = __import__(f"hubspot.crm.{module}", fromlist=[model])
    known = set(getattr(models, model).attribute_map.values()) | _YOUNGER
    with _http(hub) as http:
        results = http.get(path).json()["results"]
    assert results
    for record in results:
        assert record.keys() - known == set()


def test_properties_are_texts_and_only_those_asked_for(client: Any) -> None:
    page = client.crm.deals.basic_api.get_page(properties=["amount", "nonsense"], limit=50)
    for deal in page.results:
        always = {"hs_object_id", "createdate", "hs_lastmodifieddate"}
        assert deal.properties.keys() == {"amount", *always}  # a name that is none is passed over
        assert all(value is None or isinstance(value, str) for value in deal.properties.values())


def test_owners_and_pipelines(client: Any) -> None:
    owners = client.crm.owners.owners_api.get_page().results
    left = client.crm.owners.owners_api.get_page(archived=True).results
    assert len(owners) == 11
    assert [owner.archived for owner in left] == [True]
    first, second = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert first.stages[0].metadata == {"isClosed": "false", "probability": "0.2"}
    assert second.stages[0].id.isdigit()
    support, _ = client.crm.pipelines.pipelines_api.get_all("tickets").results
    assert [stage.metadata["ticketState"] for stage in support.stages] == [
        "OPEN", "OPEN", "OPEN", "CLOSED",
    ]  # fmt: skip


def test_a_company_names_its_members(hub: Simulator) -> None:
    with _http(hub) as http:
        company = http.get("/crm/v3/objects/companies").json()["results"][0]["id"]
        path = f"/crm/v4/objects/companies/{company}/associations/tickets"
        page = http.get(path, params={"limit": "1"}).json()
        found = [one["toObjectId"] for one in page["results"]]
        while "paging" in page:
            after = page["paging"]["next"]["after"]
            page = http.get(path, params={"limit": "1", "after": after}).json()
            found += [one["toObjectId"] for one in page["results"]]
        assert len(found) == len(set(found)) > 1
        assert http.get("/crm/v4/objects/companies/1/associations/tickets").status_code == 404


def test_a_refresh_token_gives_a_token(hub: Simulator) -> None:
    given = {**hub.credentials["hubspot"], "grant_type": "refresh_token"}
    with _http(hub) as http:
        issued = http.post("/oauth/v3/token", data=given).json()
        assert issued["expires_in"] == 1800
        assert _client(hub, issued["access_token"]).crm.owners.owners_api.get_page().results
        refused = http.post("/oauth/v3/token", data={**given, "refresh_token": "another"})
        assert refused.status_code == 400


def _search(client: Any, kind: str = "companies", **body: Any) -> Any:
    given = {"filter_groups": [], "sorts": [], "properties": [], "limit": 100, "after": "0"}
    request = PublicObjectSearchRequest(**{**given, **body})
    return getattr(client.crm, kind).search_api.do_search(request)


def _filter(name: str, operator: str, **value: Any) -> list[Any]:
    return [{"filters": [{"propertyName": name, "operator": operator, **value}]}]


SEARCHES = [
    # filter, what must hold for the properties of all that is found
    (("domain", "EQ", {"value": "globex.example"}), lambda p: p["domain"] == "globex.example"),
    (("region", "IN", {"values": ["emea"]}), lambda p: p["region"] == "emea"),
    (("region", "NEQ", {"value": "emea"}), lambda p: p["region"] != "emea"),
    (("salesforceaccountid", "HAS_PROPERTY", {}), lambda p: p["salesforceaccountid"]),
    (("salesforceaccountid", "NOT_HAS_PROPERTY", {}), lambda p: not p["salesforceaccountid"]),
    # numbers compare as numbers, though they are written as texts
    (("health_score", "LT", {"value": "9"}), lambda p: float(p["health_score"]) < 9),
    (("health_score", "BETWEEN", {"value": "9", "highValue": "50"}),
     lambda p: 9 <= float(p["health_score"]) <= 50),
    # times are milliseconds or ISO 8601
    (("hs_lastmodifieddate", "GTE", {"value": "1767225600000"}),
     lambda p: p["hs_lastmodifieddate"] >= "2026-01-01"),
    (("hs_lastmodifieddate", "LT", {"value": "2026-01-01T00:00:00Z"}),
     lambda p: p["hs_lastmodifieddate"] < "2026-01-01"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "holds"), SEARCHES)
def test_search_filters(client: Any, given: Any, holds: Any) -> None:
    name, operator, value = given
    groups = _filter(name, operator, **value)
    everything = _search(client, properties=[name])
    found = _search(client, filter_groups=groups, properties=[name])
    expected = [
        record.id
        for record in everything.results
        if (record.properties[name] or "NOT" in operator) and holds(record.properties)
    ]
    assert [record.id for record in found.results] == expected
    assert 0 < found.total < everything.total


def test_a_search_pages_by_position(client: Any) -> None:
    sorts = [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}]
    seen, after = [], "0"
    while after:
        page = _search(client, sorts=sorts, limit=7, after=after)
        seen += [record.properties["hs_lastmodifieddate"] for record in page.results]
        after = page.paging.next.after if page.paging else ""
    assert seen == sorted(seen)
    assert len(seen) == page.total


REFUSALS = [
    # body of a search, part of the reason
    ({"limit": 201}, "limit"),
    ({"limit": 100, "after": "9901"}, "10000"),  # the window's end
    ({"filter_groups": _filter("colour", "EQ", value="red")}, "no property"),
    ({"filter_groups": _filter("name", "LIKE", value="x")}, "no operator"),
    ({"filter_groups": _filter("name", "EQ")}, "no value"),
    ({"filter_groups": _filter("health_score", "GT", value=5)}, "must be a text"),
    ({"filter_groups": _filter("name", "EQ", value="x") * 6}, "filterGroups"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSALS)
def test_searches_that_are_refused(client: Any, body: Any, reason: str) -> None:
    with pytest.raises(ApiException) as refused:
        _search(client, **body)
    assert refused.value.status == 400
    assert reason in refused.value.body
    assert '"category":"VALIDATION_ERROR"' in refused.value.body


def test_associations(client: Any, hub: Simulator) -> None:
    page = client.crm.contacts.basic_api.get_page(
        associations=["companies"], properties=["associatedcompanyid"], limit=50
    )
    companies = {}
    for contact in page.results:
        company = contact.properties["associatedcompanyid"]
        listed = contact.associations["companies"].results if contact.associations else []
        assert [found.id for found in listed] == ([company] if company else [])
        companies[contact.id] = company
    contact_id = next(found for found, company in companies.items() if company)
    with _http(hub) as http:
        path = f"/crm/v4/objects/contacts/{contact_id}/associations/companies"
        (found,) = http.get(path).json()["results"]
    assert str(found["toObjectId"]) == companies[contact_id]


def test_associations_of_many_are_told_at_once(client: Any, hub: Simulator) -> None:
    """What has none is not among the results but among the errors, each by its id."""
    tickets = client.crm.tickets.get_all(associations=["contacts"])
    expected = {
        ticket.id: [found.id for found in ticket.associations["contacts"].results]
        for ticket in tickets
        if ticket.associations
    }
    alone = {ticket.id for ticket in tickets} - expected.keys()
    assert expected
    assert alone
    ids = BatchInputPublicFetchAssociationsBatchRequest(
        inputs=[PublicFetchAssociationsBatchRequest(id=ticket.id) for ticket in tickets]
    )
    answer = client.crm.associations.v4.batch_api.get_page("tickets", "contacts", ids)
    found = {one._from.id: [str(to.to_object_id) for to in one.to] for one in answer.results}
    assert found == expected
    assert {key for error in answer.errors for key in error.context["fromObjectId"]} == alone
    with _http(hub) as http:
        refused = http.post("/crm/v4/associations/tickets/contacts/batch/read", json={"inputs": []})
    assert refused.status_code == 400


def test_what_is_said_about_a_ticket_is_associated_with_it(client: Any) -> None:
    emails = client.crm.objects.emails.basic_api
    listed = emails.get_page(associations=["tickets", "contacts"]).results
    (ticket,) = listed[0].associations["tickets"].results
    assert ticket.type == "email_to_ticket"
    of_ticket = client.crm.associations.v4.basic_api.get_page("tickets", ticket.id, "emails")
    assert int(listed[0].id) in [int(found.to_object_id) for found in of_ticket.results]


def test_refusals(client: Any, hub: Simulator) -> None:
    with pytest.raises(ApiException) as missing:
        client.crm.companies.basic_api.get_by_id("1")
    assert missing.value.status == 404
    with pytest.raises(ApiException) as stranger:
        _client(hub, "pat-other").crm.companies.basic_api.get_page()
    assert stranger.value.status == 401
    assert "INVALID_AUTHENTICATION" in stranger.value.body


def test_limits_are_told_but_not_by_searches(hub: Simulator) -> None:
    with _http(hub) as http:
        listed = http.get("/crm/v3/objects/companies")
        assert listed.headers["x-hubspot-ratelimit-max"] == "190"
        assert "x-hubspot-ratelimit-max" not in http.post(
            "/crm/v3/objects/companies/search", json={}
        ).headers  # fmt: skip


def test_changes(company: Company) -> None:
    with Simulator(company, vendors=["hubspot"]) as sim:
        client = _client(sim)
        made = sim.create("hubspot", "companies", properties={"name": "Fresh"})
        contact = sim.create(
            "hubspot", "contacts",
            properties={"email": "a@fresh.example", "associatedcompanyid": made["id"]},
        )  # fmt: skip
        deal = sim.create("hubspot", "deals", properties={"dealname": "First"})
        assert deal["properties"]["hs_is_closed"] == "false"
        won = sim.change("hubspot", "deals", deal["id"], properties={"dealstage": "98340012"})
        assert won["properties"]["hs_is_closed_won"] == "true"
        assert won["properties"]["pipeline"] == "48120077"
        sim.delete("hubspot", "companies", made["id"])
        with pytest.raises(ApiException):
            client.crm.companies.basic_api.get_by_id(made["id"])
        gone = client.crm.companies.basic_api.get_by_id(made["id"], archived=True)
        assert gone.archived_at == gone.updated_at
        left = client.crm.contacts.basic_api.get_by_id(
            contact["id"], properties=["associatedcompanyid"]
        )
        assert left.properties["associatedcompanyid"] is None
        sim.fault("hubspot", "rate_limited", times=1)
        with _http(sim) as http:
            limited = http.get("/crm/v3/objects/companies")
        assert limited.status_code == 429
        assert limited.json()["policyName"] == "TEN_SECONDLY_ROLLING"

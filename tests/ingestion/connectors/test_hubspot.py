"""HubSpot from its API to rows: values, references, changes, deletes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from starlette.requests import Request

from index.errors import ConfigurationError
from ingestion.airbyte.origin import Origin
from ingestion.simulator import Company, Simulator
from ingestion.simulator.hubspot.api import HubSpotApi
from ingestion.simulator.hubspot.portal import Portal
from ingestion.simulator.hubspot.search import LIMIT
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.workspace.source_config import SourceConfig
from tests.ingestion.connectors.hubspot_records import records_of, row_of, rows_of_stream
from tests.ingestion.index_under_test import TENANT, Index

Record = dict[str, Any]

OBJECTS = [
    # object, entity
    ("owners", "user"),
    ("companies", "account"),
    ("contacts", "contact"),
    ("deals", "opportunity"),
    ("tickets", "ticket"),
    ("notes", "comment"),
    ("emails", "comment"),
]


@pytest.mark.parametrize(("kind", "entity"), OBJECTS)
def test_every_object_is_a_row(filled: Index, kind: str, entity: str) -> None:
    records = records_of(filled, kind)
    assert records
    assert {row["remote_id"] for row in rows_of_stream(filled, kind, entity)} == records.keys()


def test_companies_have_their_values(filled: Index) -> None:
    records = records_of(filled, "companies")
    for row in filled.rows("account", source="hubspot"):
        given = records[row["remote_id"]]["properties"]
        assert row["name"] == given["name"]
        assert (row["region"], row["tier"]) == (given["region"].upper(), given["tier"])
        assert row["domains"] == [given["domain"]]
        known = [f"salesforce:{given['salesforceaccountid']}"] * bool(given["salesforceaccountid"])
        assert row["external_ids"] == [f"hubspot:{row['remote_id']}", *known]
        assert row["remote_url"].endswith(f"/contacts/48211177/record/0-2/{row['remote_id']}")


def test_only_properties_of_the_customers_own_making_are_custom(filled: Index) -> None:
    records = records_of(filled, "companies")
    for row in filled.rows("account", source="hubspot"):
        given = records[row["remote_id"]]["properties"]
        own = {"health_score", "success_notes"}  # region and tier have fields of the model
        assert row["custom"] == {name: given[name] for name in own if given[name]}


def test_deals_follow_the_stages_of_the_account(filled: Index) -> None:
    portal = Portal(filled.simulator.company)
    stages = {s["id"]: s for pipeline in portal.pipelines["deals"] for s in pipeline["stages"]}
    seen = set()
    for row in filled.rows("opportunity", source="hubspot"):
        record = portal.get("deals", row["remote_id"])
        assert record is not None
        stage = stages[record["properties"]["dealstage"]]
        chance = float(stage["metadata"]["probability"])
        closed = stage["metadata"]["isClosed"] == "true"
        assert row["stage"] == stage["label"]
        assert row["status"] == ("OPEN" if not closed else "WON" if chance == 1 else "LOST")
        assert float(row["probability"]) == pytest.approx(chance * 100)
        seen.add(row["status"])
    assert seen == {"OPEN", "WON", "LOST"}


def test_amounts_are_in_minor_units(filled: Index) -> None:
    records = records_of(filled, "deals")
    for row in filled.rows("opportunity", source="hubspot"):
        given = records[row["remote_id"]]["properties"]
        if given["amount"] is None:
            assert row["amount_minor"] is None
        else:
            # yen have no smaller unit
            factor = 1 if given["deal_currency_code"] == "JPY" else 100
            assert row["amount_minor"] == Decimal(given["amount"]) * factor


REFERENCES = [
    # entity, foreign key, entity it leads to, object, property
    ("contact", "account_id", "account", "contacts", "associatedcompanyid"),
    ("opportunity", "account_id", "account", "deals", "hs_primary_associated_company"),
    ("opportunity", "owner_id", "user", "deals", "hubspot_owner_id"),
    ("account", "owner_id", "user", "companies", "hubspot_owner_id"),
    ("ticket", "account_id", "account", "tickets", "hs_primary_company_id"),
    ("ticket", "assignee_id", "user", "tickets", "hubspot_owner_id"),
]


@pytest.mark.parametrize(("entity", "column", "target", "kind", "name"), REFERENCES)
def test_references_lead_to_the_row_of_the_object_they_name(
    filled: Index, entity: str, column: str, target: str, kind: str, name: str
) -> None:
    targets = {row["id"]: row["remote_id"] for row in filled.rows(target, source="hubspot")}
    records = records_of(filled, kind)
    for row in filled.rows(entity, source="hubspot"):
        assert targets.get(row[column]) == records[row["remote_id"]]["properties"][name]


def test_owners_who_left_stay_as_inactive_users(filled: Index) -> None:
    records = records_of(filled, "owners")
    users = filled.rows("user", source="hubspot")
    assert {row["remote_id"] for row in users if not row["active"]} == {
        key for key, record in records.items() if record["archived"]
    }
    assert not all(row["active"] for row in users)


def test_a_changed_object_is_read_alone(synced: Index) -> None:
    company = next(iter(records_of(synced, "companies")))
    synced.simulator.change("hubspot", "companies", company, properties={"name": "New Name"})
    report = synced.sync("hubspot")
    assert {s.stream: s.written for s in report.streams if s.written} == {"companies": 1}
    assert row_of(synced, "account", company)["name"] == "New Name"


def test_a_deal_that_moves_is_found_in_its_new_stage(synced: Index) -> None:
    deal = next(key for key, record in records_of(synced, "deals").items()
                if record["properties"]["dealstage"] != "closedwon")  # fmt: skip
    synced.simulator.change("hubspot", "deals", deal, properties={"dealstage": "closedwon"})
    assert synced.sync("hubspot").complete
    row = row_of(synced, "opportunity", deal)
    assert (row["stage"], row["status"], row["probability"]) == ("Closed Won", "WON", 100)


def test_what_is_in_a_stage_that_is_no_more_is_read_all_the_same(
    synced: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to empty a stage before it is deleted."""
    pipelines = HubSpotApi._pipelines
    deleted = {"contractsent", "3"}

    async def without_some(api: HubSpotApi, request: Request) -> Record:
        answer = await pipelines(api, request)
        left = [
            {**one, "stages": [stage for stage in one["stages"] if stage["id"] not in deleted]}
            for one in answer["results"]
        ]
        return {"results": left}

    monkeypatch.setattr(HubSpotApi, "_pipelines", without_some)
    with Simulator(synced.simulator.company, vendors=["hubspot"]) as simulator:
        index = replace(synced, simulator=simulator)
        report = index.sync("hubspot", reconcile=True)
        assert report.complete
        assert {s.stream: s.deleted for s in report.streams if s.deleted} == {}
        for kind in ("deals", "tickets"):
            assert report.stream(kind).read == len(records_of(index, kind))
        # The name of the stage is not known any more.
        deal = next(key for key, record in records_of(index, "deals").items()
                    if record["properties"]["dealstage"] == "contractsent")  # fmt: skip
        simulator.change("hubspot", "deals", deal, properties={"amount": "77"})
        again = index.sync("hubspot")
        assert {s.stream: s.written for s in again.streams if s.written} == {"deals": 1}
        row = row_of(index, "opportunity", deal)
    assert (row["stage"], row["status"], row["amount_minor"]) == ("contractsent", "OPEN", 7700)


def test_an_account_with_one_currency_needs_it_set(synced: Index) -> None:
    deal = next(key for key, record in records_of(synced, "deals").items()
                if record["properties"]["amount"])  # fmt: skip
    synced.simulator.change("hubspot", "deals", deal, properties={"deal_currency_code": None})
    (deals,) = [s for s in synced.sync("hubspot").streams if s.stream == "deals"]
    assert deals.rejected == 1
    synced.simulator.change("hubspot", "deals", deal, properties={"amount": "12.5"})
    synced.sync("hubspot", currency="EUR")
    row = row_of(synced, "opportunity", deal)
    assert (row["amount_minor"], row["amount_currency"]) == (1250, "EUR")


def test_more_objects_than_one_search_shows(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Room for one page of a search and no second one.
    monkeypatch.setattr("ingestion.simulator.hubspot.search.WINDOW", LIMIT)
    with Simulator(company, page_limit=5, vendors=["hubspot"]) as simulator:
        small = replace(index, simulator=simulator)
        assert small.sync("hubspot").complete
        for kind, entity in OBJECTS:
            assert len(rows_of_stream(small, kind, entity)) == len(records_of(small, kind))


def test_a_used_up_day_is_not_waited_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubSpotApi, "limit", "DAILY")
    index.simulator.fault("hubspot", "rate_limited")
    report = index.sync("hubspot", retries=20, retry_seconds=30)
    assert not report.complete
    for stream in report.streams:
        assert "used up" in (stream.error or "")


def test_archived_objects_leave_with_the_next_sync(synced: Index) -> None:
    gone = {kind: next(iter(records_of(synced, kind))) for kind, _ in OBJECTS[1:]}
    for kind, key in gone.items():
        synced.simulator.delete("hubspot", kind, key)
    report = synced.sync("hubspot")
    assert report.complete
    deleted = {stream.stream: stream.deleted for stream in report.streams if stream.deleted}
    assert deleted == {f"archived_{kind}": 1 for kind in gone}
    for kind, entity in OBJECTS[1:]:
        left = {row["remote_id"] for row in rows_of_stream(synced, kind, entity)}
        assert left == records_of(synced, kind).keys() - {gone[kind]}
    # They stay in the bin for ninety days, and are news only once.
    again = synced.sync("hubspot")
    assert {s.stream: s.written for s in again.streams if s.written or s.deleted} == {}
    kept = synced.ask("SELECT stream FROM remit.record WHERE source = 'hubspot'")
    assert not any(row["stream"].startswith("archived") for row in kept)


def test_a_customer_loses_an_archived_company(synced: Index) -> None:
    company = next(iter(records_of(synced, "companies")))
    row = row_of(synced, "account", company)

    def is_a_member() -> bool:
        links = synced.ask("SELECT member_id FROM remit.identity_link")
        return row["id"] in {link["member_id"] for link in links}

    assert is_a_member()
    synced.simulator.delete("hubspot", "companies", company)
    assert synced.sync("hubspot").complete
    assert not is_a_member()


def test_a_restored_object_comes_back(synced: Index) -> None:
    deal = next(iter(records_of(synced, "deals")))
    synced.simulator.delete("hubspot", "deals", deal)
    synced.sync("hubspot")
    assert row_of(synced, "opportunity", deal)["deleted_at"] is not None
    synced.simulator.change("hubspot", "deals", deal, archived=False)
    synced.sync("hubspot")
    assert row_of(synced, "opportunity", deal)["deleted_at"] is None


def test_an_empty_recycling_bin_is_no_reason_to_be_suspicious(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Portal, "records", _without_archived(Portal.records))
    report = index.sync("hubspot")
    assert report.complete
    assert all(s.read == 0 for s in report.streams if s.stream.startswith("archived"))


def _without_archived(records: Any) -> Any:
    def living(portal: Portal, kind: str, *, archived: bool = False) -> list[Record]:
        return [] if archived else list(records(portal, kind))

    return living


@pytest.fixture
def public_app(synced: Index) -> dict[str, str]:
    """Settings of a public app, which has no token of its own."""
    names = ("portal_id", "client_id", "client_secret", "refresh_token")
    given = synced.simulator.credentials["hubspot"]
    return {"base_url": synced.simulator.urls["hubspot"], **{name: given[name] for name in names}}


def test_a_public_app_gets_its_token_for_a_refresh_token(
    synced: Index, public_app: dict[str, str]
) -> None:
    synced.simulator.forget_requests("hubspot")
    # One that ends before its time is renewed.
    synced.simulator.fault("hubspot", "unauthorized", times=1, path_prefix="/crm")
    assert _sync(synced, public_app).complete
    assert synced.calls("hubspot", "/oauth/v3/token") >= 2


def test_a_wrong_refresh_token_is_told(synced: Index, public_app: dict[str, str]) -> None:
    report = _sync(synced, {**public_app, "refresh_token": "wrong-refresh-token-000"})
    assert not report.complete
    assert "wrong-refresh-token-000" not in repr(report)
    for stream in report.streams:
        assert "credentials" in (stream.error or "")


def test_one_of_the_two_ways_to_sign_in_is_needed(
    synced: Index, public_app: dict[str, str]
) -> None:
    del public_app["client_secret"]
    with pytest.raises(ConfigurationError, match="client_secret"):
        _sync(synced, public_app)


def _sync(index: Index, given: dict[str, Any]) -> SyncReport:
    patience = {"retries": 1, "retry_seconds": 0.01}
    config = SourceConfig(
        "hubspot", "hubspot", {**given, **patience}, origin=Origin(connector="hubspot")
    )
    source = Source(config, index.model.specs)
    return sync_source(index.database, index.tables, index.model, source, tenant=TENANT)


def test_an_archived_owner_is_inactive(synced: Index) -> None:
    owner = next(key for key, record in records_of(synced, "owners").items()
                 if not record["archived"])  # fmt: skip
    synced.simulator.delete("hubspot", "owners", owner)
    assert synced.sync("hubspot").complete
    row = row_of(synced, "user", owner)
    assert (row["active"], row["deleted_at"]) == (False, None)

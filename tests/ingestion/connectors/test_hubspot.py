"""HubSpot from its API to rows: values, references, changes, deletes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from ingestion.simulator import Company, Simulator
from ingestion.simulator.hubspot.api import HubSpotApi
from ingestion.simulator.hubspot.portal import Portal
from ingestion.simulator.hubspot.search import LIMIT
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]

OBJECTS = [
    # object, entity
    ("owners", "user"),
    ("companies", "account"),
    ("contacts", "contact"),
    ("deals", "opportunity"),
]


def _records(index: Index, kind: str) -> dict[str, Record]:
    """What is not in the recycling bin, by id."""
    portal = Portal(index.simulator.company)
    found = portal.records(kind)
    if kind == "owners":
        found += portal.records(kind, archived=True)  # who left is still known
    return {record["id"]: record for record in found}


def _row(index: Index, entity: str, remote_id: str) -> Any:
    (row,) = [
        row
        for row in index.rows(entity, source="hubspot", deleted=True)
        if row["remote_id"] == remote_id
    ]
    return row


@pytest.mark.parametrize(("kind", "entity"), OBJECTS)
def test_every_object_is_a_row(filled: Index, kind: str, entity: str) -> None:
    rows = filled.rows(entity, source="hubspot")
    assert {row["remote_id"] for row in rows} == _records(filled, kind).keys()


def test_companies_have_their_values(filled: Index) -> None:
    records = _records(filled, "companies")
    for row in filled.rows("account", source="hubspot"):
        given = records[row["remote_id"]]["properties"]
        assert row["name"] == given["name"]
        assert (row["region"], row["tier"]) == (given["region"].upper(), given["tier"])
        assert row["domains"] == [given["domain"]]
        known = [f"salesforce:{given['salesforceaccountid']}"] * bool(given["salesforceaccountid"])
        assert row["external_ids"] == [f"hubspot:{row['remote_id']}", *known]
        assert row["remote_url"].endswith(f"/contacts/48211177/record/0-2/{row['remote_id']}")


def test_only_properties_of_the_customers_own_making_are_custom(filled: Index) -> None:
    records = _records(filled, "companies")
    for row in filled.rows("account", source="hubspot"):
        given = records[row["remote_id"]]["properties"]
        own = {"health_score", "success_notes"}  # region and tier have fields of the model
        assert row["custom"] == {name: given[name] for name in own if given[name]}


def test_deals_follow_the_stages_of_the_account(filled: Index) -> None:
    portal = Portal(filled.simulator.company)
    stages = {s["id"]: s for pipeline in portal.pipelines for s in pipeline["stages"]}
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
    records = _records(filled, "deals")
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
]


@pytest.mark.parametrize(("entity", "column", "target", "kind", "name"), REFERENCES)
def test_references_lead_to_the_row_of_the_object_they_name(
    filled: Index, entity: str, column: str, target: str, kind: str, name: str
) -> None:
    targets = {row["id"]: row["remote_id"] for row in filled.rows(target, source="hubspot")}
    records = _records(filled, kind)
    for row in filled.rows(entity, source="hubspot"):
        assert targets.get(row[column]) == records[row["remote_id"]]["properties"][name]


def test_owners_who_left_stay_as_inactive_users(filled: Index) -> None:
    records = _records(filled, "owners")
    users = filled.rows("user", source="hubspot")
    assert {row["remote_id"] for row in users if not row["active"]} == {
        key for key, record in records.items() if record["archived"]
    }
    assert not all(row["active"] for row in users)


def test_a_changed_object_is_read_alone(synced: Index) -> None:
    company = next(iter(_records(synced, "companies")))
    synced.simulator.change("hubspot", "companies", company, properties={"name": "New Name"})
    report = synced.sync("hubspot")
    assert {s.stream: s.written for s in report.streams if s.written} == {"companies": 1}
    assert _row(synced, "account", company)["name"] == "New Name"


def test_a_deal_that_moves_is_found_in_its_new_stage(synced: Index) -> None:
    deal = next(key for key, record in _records(synced, "deals").items()
                if record["properties"]["dealstage"] != "closedwon")  # fmt: skip
    synced.simulator.change("hubspot", "deals", deal, properties={"dealstage": "closedwon"})
    assert synced.sync("hubspot").complete
    row = _row(synced, "opportunity", deal)
    assert (row["stage"], row["status"], row["probability"]) == ("Closed Won", "WON", 100)


def test_an_account_with_one_currency_needs_it_set(synced: Index) -> None:
    deal = next(key for key, record in _records(synced, "deals").items()
                if record["properties"]["amount"])  # fmt: skip
    synced.simulator.change("hubspot", "deals", deal, properties={"deal_currency_code": None})
    (deals,) = [s for s in synced.sync("hubspot").streams if s.stream == "deals"]
    assert deals.rejected == 1
    synced.simulator.change("hubspot", "deals", deal, properties={"amount": "12.5"})
    synced.sync("hubspot", currency="EUR")
    row = _row(synced, "opportunity", deal)
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
            assert len(small.rows(entity, source="hubspot")) == len(_records(small, kind))


def test_a_used_up_day_is_not_waited_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HubSpotApi, "limit", "DAILY")
    index.simulator.fault("hubspot", "rate_limited")
    report = index.sync("hubspot", retries=20, retry_seconds=30)
    assert not report.complete
    for stream in report.streams:
        assert "used up" in (stream.error or "")


def test_archived_objects_leave_with_the_next_reconcile(synced: Index) -> None:
    gone = {kind: next(iter(_records(synced, kind))) for kind, _ in OBJECTS[1:]}
    for kind, key in gone.items():
        synced.simulator.delete("hubspot", kind, key)
    # A search does not tell of them.
    assert synced.sync("hubspot").complete
    for kind, entity in OBJECTS[1:]:
        assert _row(synced, entity, gone[kind])["deleted_at"] is None
    assert synced.sync("hubspot", reconcile=True).complete
    for kind, entity in OBJECTS[1:]:
        left = {row["remote_id"] for row in synced.rows(entity, source="hubspot")}
        assert left == _records(synced, kind).keys() - {gone[kind]}


def test_an_archived_owner_is_inactive(synced: Index) -> None:
    owner = next(key for key, record in _records(synced, "owners").items()
                 if not record["archived"])  # fmt: skip
    synced.simulator.delete("hubspot", "owners", owner)
    assert synced.sync("hubspot").complete
    row = _row(synced, "user", owner)
    assert (row["active"], row["deleted_at"]) == (False, None)

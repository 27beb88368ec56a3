"""What every connector owes, whatever its vendor: patience, honesty, and no needless writes."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.simulator import Simulator
from tests.ingestion.index_under_test import Index

VENDORS = ("hubspot", "freshdesk", "chargebee", "jira")
# Of an organization in Jira only the name is told, which makes nobody the same customer.
LINKED = ("hubspot", "freshdesk", "chargebee")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_second_sync_writes_nothing(synced: Index, vendor: str) -> None:
    report = synced.sync(vendor)
    assert report.complete
    assert {stream.stream: stream.written for stream in report.streams if stream.written} == {}
    assert sum(stream.rejected for stream in report.streams) == 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_being_told_to_wait_costs_nothing(synced: Index, vendor: str) -> None:
    synced.simulator.fault(vendor, "rate_limited", times=1, retry_after=0)
    report = synced.sync(vendor)
    assert report.complete
    assert sum(stream.read for stream in report.streams) > 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_being_told_to_wait_too_long_ends_the_read(index: Index, vendor: str) -> None:
    index.simulator.fault(vendor, "rate_limited", retry_after=3600)
    report = index.sync(vendor)
    for stream in report.streams:
        assert stream.error == (
            "it asks for a longer wait than the connector allows; try again later"
        )


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_expired_token_is_told_and_nothing_is_lost(synced: Index, vendor: str) -> None:
    before = synced.contents()
    synced.simulator.fault(vendor, "unauthorized")
    report = synced.sync(vendor)
    assert [stream.stream for stream in report.streams] == list(synced.source(vendor).streams)
    for stream in report.streams:
        assert stream.error == "it answered 401 (Unauthorized); check the credentials"
    synced.simulator.clear_faults(vendor)
    assert synced.sync(vendor).complete
    after = synced.contents()
    assert {name: rows for name, rows in after.items() if name != "state"} == {
        name: rows for name, rows in before.items() if name != "state"
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_wrong_credentials_bring_nothing_and_are_not_shown(index: Index, vendor: str) -> None:
    name = {"hubspot": "access_token", "jira": "api_token"}.get(vendor, "api_key")
    changed: dict[str, Any] = {name: "wrong-credential-000"}
    report = index.sync(vendor, **changed)
    assert not report.complete
    assert "wrong-credential-000" not in repr(report)
    assert sum(stream.read for stream in report.streams) == 0


def test_accounts_of_one_customer_are_linked_across_all_systems(filled: Index) -> None:
    links = {
        link["member_id"]: link["customer_id"]
        for link in filled.ask("SELECT member_id, customer_id FROM remit.identity_link")
    }
    accounts = filled.rows("account")
    for customer in filled.simulator.company.customers:
        known = filled.simulator.company.customer(customer.key).accounts
        members = {
            row["source"]: links[row["id"]]
            for row in accounts
            if row["remote_id"] in known or customer.domain in (row["domains"] or ())
        }
        assert members.keys() == {"salesforce", *LINKED}
        assert len(set(members.values())) == 1


def test_nobody_serves_a_vendor_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"no vendor 'pigeon'; the vendors are .*hubspot"):
        Simulator(vendors=["pigeon"])

"""`maxAge` through the whole house: what changes at the source changes the answer, and for whom."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.simulator import Company
from tests.api.site import Site
from tests.api.truth import open_tickets, tickets_of

_LIST = (
    '{ customer(name: "Acme Corporation") { tickets(segment: OPEN, first: 200%s)'
    " { totalCount stale staleReason nodes { id number status provenance { remoteId stale"
    " staleReason } } } } }"
)
INDEXED = _LIST % ""
FRESH = _LIST % ", maxAge: 0"


def _page(site: Site, user: str, query: str) -> Any:
    return site.data(user, query)["customer"]["tickets"]


def _numbers(page: Any) -> set[str]:
    assert page["totalCount"] == len(page["nodes"])
    return {node["number"] for node in page["nodes"]}


def test_a_closed_ticket_vanishes_at_once_from_a_fresh_answer(
    own_site: Site, company: Company
) -> None:
    expected = open_tickets(company, "acme", without=("legal",))
    assert _numbers(_page(own_site, "maya", INDEXED)) == expected
    closed = min(expected)
    own_site.simulator.change("zendesk", "ticket", int(closed), status="solved")
    # The index knows nothing of it yet.
    assert _numbers(_page(own_site, "maya", INDEXED)) == expected
    assert _numbers(_page(own_site, "maya", FRESH)) == expected - {closed}
    # What was read live has been written through.
    assert _numbers(_page(own_site, "maya", INDEXED)) == expected - {closed}


def test_a_closed_ticket_vanishes_from_an_indexed_answer_with_the_next_sync(
    own_site: Site, company: Company
) -> None:
    expected = open_tickets(company, "acme", without=("legal",))
    closed = max(expected)
    own_site.simulator.change("zendesk", "ticket", int(closed), status="solved")
    own_site.sync()
    assert _numbers(_page(own_site, "maya", INDEXED)) == expected - {closed}


def test_one_ticket_is_read_fresh(own_site: Site) -> None:
    node = _page(own_site, "maya", INDEXED)["nodes"][0]
    query = f'{{ ticket(id: "{node["id"]}"%s) {{ subject provenance {{ stale }} }} }}'
    own_site.simulator.change("zendesk", "ticket", int(node["number"]), subject="Quite another")
    assert own_site.data("maya", query % "")["ticket"]["subject"] != "Quite another"
    assert own_site.data("maya", query % ", maxAge: 0")["ticket"] == {
        "subject": "Quite another",
        "provenance": {"stale": False},
    }


def test_a_tag_that_hides_a_ticket_hides_it_from_the_answer_that_learns_of_it(
    own_site: Site,
) -> None:
    """The verdict is about the fresh row, not about the one that was found in the index."""
    node = _page(own_site, "maya", INDEXED)["nodes"][0]
    query = f'{{ ticket(id: "{node["id"]}", maxAge: 0) {{ subject }} }}'
    assert own_site.data("maya", query)["ticket"] is not None
    own_site.simulator.change("zendesk", "ticket", int(node["number"]), tags=["legal"])
    assert own_site.data("maya", query) == {"ticket": None}


@pytest.mark.parametrize("how", ["live", "synced"])
def test_a_changed_region_changes_who_sees(own_site: Site, company: Company, how: str) -> None:
    acme = company.customer("acme")
    for account in acme.accounts:
        own_site.simulator.change("salesforce", "Account", account, Region__c="AMER")
    query = '{ customer(name: "Acme Corporation"%s) { name tickets { totalCount } } }'
    assert own_site.data("maya", query % "")["customer"] is not None
    if how == "live":
        # Whoever may see it in the index learns that they no longer may.
        assert own_site.data("maya", query % ", maxAge: 0") == {"customer": None}
    else:
        own_site.sync()
    assert own_site.data("maya", query % "") == {"customer": None}
    visible = [t for t in tickets_of(company, "acme") if t["status"] != "deleted"]
    assert own_site.data("lena", query % "")["customer"] == {
        "name": "Acme Corporation",
        "tickets": {"totalCount": sum("legal" not in t["tags"] for t in visible)},
    }


@pytest.mark.parametrize("fault", ["down", "server_error", "unauthorized"])
def test_a_source_that_does_not_answer_gives_the_indexed_rows_marked_stale(
    own_site: Site, company: Company, fault: str
) -> None:
    own_site.simulator.fault("zendesk", fault)
    page = _page(own_site, "maya", FRESH)
    assert _numbers(page) == open_tickets(company, "acme", without=("legal",))
    assert page["stale"]
    assert page["staleReason"].startswith("zendesk")
    for secret in own_site.simulator.credentials["zendesk"].values():
        assert secret not in page["staleReason"]
    assert all(node["provenance"]["stale"] for node in page["nodes"])
    # It comes back, and so do fresh answers.
    own_site.simulator.clear_faults("zendesk")
    assert not _page(own_site, "maya", FRESH)["stale"]


def test_an_agent_gets_the_same_fresh_rows(own_site: Site, company: Company) -> None:
    closed = min(open_tickets(company, "acme", without=("legal", "security")))
    own_site.simulator.change("zendesk", "ticket", int(closed), status="closed")
    answer = own_site.tool_text("omar", "query", {"graphql": FRESH})
    assert closed not in answer
    assert own_site.data("omar", FRESH)["customer"]["tickets"]["totalCount"] == 4

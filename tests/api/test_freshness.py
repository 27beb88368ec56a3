"""How far the index is behind its sources: for callers, and with the reasons for administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.api.site import SECONDS, TENANT, Site
from tests.api.test_policy_graphql import Editors

FRESHNESS = "{ freshness { __typename entity source stream syncedAt triedAt } }"
SOURCES = "{ sources { source stream paused syncedAt triedAt problem rejected } }"


def _ask(site: Site, user: str, query: str, *scopes: str, tenant: str = TENANT) -> Any:
    """The data of an answer to a token of these scopes."""
    assert site.services.tokens is not None
    token = site.services.tokens.issue(tenant=tenant, user=user, scopes=scopes)
    with httpx.Client(timeout=SECONDS, trust_env=False) as client:
        answer = client.post(
            f"{site.url}/graphql",
            json={"query": query},
            headers={"authorization": f"Bearer {token}"},
        ).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]


def test_streams_of_what_exists_for_the_caller_are_told(site: Site) -> None:
    everything = _ask(site, "maya", FRESHNESS, "read")["freshness"]
    fed = {(each["entity"], each["source"]) for each in everything}
    assert {("ticket", "zendesk"), ("account", "salesforce"), ("account", "zendesk")} <= fed
    for each in everything:
        assert each["__typename"] == "StreamFreshness"
        assert datetime.fromisoformat(each["syncedAt"]) <= datetime.fromisoformat(each["triedAt"])
    less = _ask(site, "maya", FRESHNESS, "read:ticket")["freshness"]
    assert less == [each for each in everything if each["entity"] == "ticket"]
    assert less


def test_another_tenant_learns_nothing_of_these_sources(own_site: Site) -> None:
    with own_site.services.database.writing() as connection:
        connection.execute(text("INSERT INTO remit.tenant (tenant_id) VALUES ('globex')"))
        connection.execute(
            text(
                "INSERT INTO remit.directory (tenant_id, kind, name, attributes)"
                " SELECT 'globex', kind, name, attributes FROM remit.directory"
            )
        )
    assert _ask(own_site, "maya", FRESHNESS, "read", tenant="globex") == {"freshness": []}


@pytest.mark.parametrize(
    "query",
    [
        # beside rows, whichever comes first
        "{ freshness { entity } tickets { totalCount } }",
        "{ tickets { totalCount } freshness { entity } }",
        # under another name, in a fragment
        "{ tickets { totalCount } ...F } fragment F on Query { freshness: freshness { entity } }",
    ],
)
def test_it_can_be_asked_with_anything_else(site: Site, query: str) -> None:
    data = site.data("maya", query)
    assert data["tickets"]["totalCount"] > 0
    assert {"entity": "ticket"} in data["freshness"]


def test_reasons_are_for_administrators(own_site: Site) -> None:
    editors = Editors(own_site)
    with own_site.services.database.writing() as connection:
        connection.execute(
            text("UPDATE remit.stream_state SET problem = 'not allowed' WHERE stream = 'tickets'")
        )
    found = editors.data(_someone(own_site, "security"), SOURCES)["sources"]
    (tickets,) = [each for each in found if each["stream"] == "tickets"]
    assert tickets["problem"] == "not allowed"
    assert (tickets["source"], tickets["paused"], tickets["rejected"]) == ("zendesk", False, 0)
    assert tickets["syncedAt"] is not None
    # an owner of policies is none of them
    code, message = editors.refusal(_someone(own_site, "support", "data-owners"), SOURCES)
    assert (code, message) == ("NOT_PERMITTED", "This is for administrators.")
    assert "not allowed" not in str(own_site.graphql("maya", FRESHNESS))


def _someone(site: Site, department: str, *teams: str) -> str:
    """The name of a user of the example with this department and these teams."""
    with site.services.database.writing() as connection:
        found = connection.execute(
            text("SELECT name, attributes FROM remit.directory WHERE kind = 'user'")
        )
        return next(
            str(row.name)
            for row in found
            if row.attributes.get("department") == department
            and set(teams) <= set(row.attributes.get("teams", ()))
        )

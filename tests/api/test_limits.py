"""What may not be asked, what errors may say, and what stays out of answers and logs."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from api.limits import MAX_ALIASES, MAX_DEPTH, MAX_TOKENS
from api.mcp_server import MAX_BODY_BYTES
from ingestion.simulator import Company
from tests.api.site import Site, rename_acme_foods, running, said

_DEEP = "tickets { nodes { customer { " * 6 + "id" + " } } }" * 6
_ALIASES = " ".join(f"a{number}: __typename" for number in range(MAX_ALIASES + 1))
_TOKENS = " ".join("__typename" for _ in range(MAX_TOKENS + 1))

REFUSED_QUERIES: dict[str, tuple[str, str]] = {
    "too deep": (f"{{ {_DEEP} }}", "depth"),
    "too many aliases": (f"{{ {_ALIASES} }}", "aliases"),
    "too many tokens": (f"{{ {_TOKENS} }}", "tokens"),
    "too many rows": ("{ tickets(first: 1000) { totalCount } }", "first"),
    "no rows": ("{ tickets(first: 0) { totalCount } }", "first"),
    "both id and name": ('{ customer(id: "x", name: "y") { id } }', "either"),
    "a mutation": ("mutation { close }", "mutation"),
    "a subscription": ("subscription { tickets { totalCount } }", "subscription"),
    "no operation": ("fragment F on Ticket { id }", "operation"),
    "nothing": ("", "empty"),
    "no GraphQL": ("tickets please", "Syntax"),
    "a cursor of nowhere": ('{ tickets(after: "nowhere") { nodes { id } } }', "after"),
    "an unknown field": ("{ tickets { nodes { subjec } } }", "subjec"),
    "an unknown segment": ("{ tickets(segment: OPENN) { totalCount } }", "OPENN"),
    "an unknown argument": ("{ tickets(frst: 1) { totalCount } }", "frst"),
    "an unknown type": ("{ tickets { nodes { ... on Tickett { id } } } }", "Tickett"),
}


@pytest.mark.parametrize(("query", "word"), REFUSED_QUERIES.values(), ids=REFUSED_QUERIES.keys())
def test_a_refused_query_says_why_and_proposes_no_names(site: Site, query: str, word: str) -> None:
    answer = site.graphql("maya", query)
    assert not any((answer["data"] or {}).values())
    error = answer["errors"][0]
    assert error["extensions"]["code"] == "INVALID_REQUEST"
    assert word in error["message"]
    assert "Did you mean" not in error["message"]


def test_the_deepest_allowed_is_answered(site: Site) -> None:
    """The limit is a limit, not a ban on nesting."""
    query = "{ customers(first: 2) { nodes { tickets(first: 2) { nodes { comments(first: 1)"
    query += " { nodes { body agent { name } } } } } } } }"
    assert query.count("{") <= MAX_DEPTH
    assert site.data("maya", query)["customers"]["nodes"]


REFUSED_BODIES: dict[str, tuple[Any, int]] = {
    "a batch": (b'[{"query": "{ __typename }"}]', 400),
    "no JSON": (b"{", 400),
    "no query": (b"{}", 400),
    "a query that is no text": (b'{"query": 7}', 400),
    "variables that are a list": (b'{"query": "{ __typename }", "variables": []}', 400),
    "an operation name that is a number": (b'{"query": "{ a }", "operationName": 1}', 400),
    "too large": (b'{"query": "' + b" " * MAX_BODY_BYTES + b'"}', 413),
}


@pytest.mark.parametrize(("body", "status"), REFUSED_BODIES.values(), ids=REFUSED_BODIES.keys())
def test_a_refused_body(site: Site, body: bytes, status: int) -> None:
    assert _send(site, body).status_code == status


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=x", "application/graphql"]
)
def test_only_json_is_taken(site: Site, content_type: str) -> None:
    answer = _send(site, b'{"query": "{ __typename }"}', content_type)
    assert answer.status_code == 400
    assert "application/json" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/graphql", "/mcp"])
def test_only_posts_are_answered(site: Site, path: str, method: str) -> None:
    headers = {"authorization": f"Bearer {site.token('maya')}"}
    answer = httpx.request(method, site.url + path, headers=headers, trust_env=False)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_answers_are_not_to_be_kept_or_shown_in_frames(site: Site) -> None:
    answer = _send(site, b'{"query": "{ __typename }"}')
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_an_ambiguous_name_gives_the_candidates(own_site: Site, company: Company) -> None:
    rename_acme_foods(own_site, company)
    error = own_site.graphql("ana", '{ customer(name: "Acme") { id } }')["errors"][0]
    assert error["extensions"] == {
        "code": "AMBIGUOUS",
        "candidates": ["Acme Corporation", "Acme Ltd"],
    }
    # Whoever sees only one of them is in no doubt, and learns of no other.
    assert own_site.data("maya", '{ customer(name: "Acme") { name } }') == {
        "customer": {"name": "Acme Corporation"}
    }


def test_an_unexpected_error_is_told_by_its_number_alone(
    own_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with own_site.services.database.writing() as connection:
        connection.execute(text("DROP TABLE entity.invoice CASCADE"))
    with caplog.at_level(logging.INFO):
        answer = own_site.graphql(
            "omar", '{ invoices(where: {number: {eq: "canary"}}) { totalCount } }'
        )
        tool = own_site.tool("omar", "query", {"graphql": "{ invoices { totalCount } }"})
        asked = own_site.tool("omar", "ask", {"request": "open invoices"})
    error = answer["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert tool.is_error
    assert asked.is_error
    numbers = []
    for message in (error["message"], said(tool), said(asked)):
        assert message.startswith("Internal error ")
        assert "invoice" not in message
        assert "SELECT" not in message
        numbers.append(message.split()[2].rstrip("."))
    assert len(set(numbers)) == 3
    for number in numbers:
        assert f"incident {number}" in caplog.text
    assert "canary" not in caplog.text
    # The rest of the service is unharmed.
    assert own_site.data("omar", "{ tickets { totalCount } }")["tickets"]["totalCount"] > 0


def test_without_its_database_it_says_so(site: Site) -> None:
    nowhere = SecretStr("postgresql+psycopg://remit:secret-password@127.0.0.1:9/remit")
    settings = site.settings.model_copy(update={"database_url": nowhere})
    with running(settings, site.simulator) as blind:
        answer = blind.post("/graphql", "maya", {"query": "{ tickets { totalCount } }"})
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        assert "secret-password" not in answer.text
        assert httpx.get(f"{blind.url}/health", trust_env=False).status_code == 200
        assert httpx.get(f"{blind.url}/ready", trust_env=False).status_code == 503


def test_the_access_log_names_who_and_what_but_no_values(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="remit.access"):
        site.post(
            "/graphql",
            "maya",
            {
                "query": 'query Canary { customer(name: "canary-literal") { id } }',
                "variables": {"unused": "canary-variable"},
                "operationName": "Canary",
            },
        )
        site.tool("omar", "ask", {"request": "tickets of canary-request"})
    lines = [record.getMessage() for record in caplog.records if record.name == "remit.access"]
    assert any("user='maya'" in line and "operation='Canary'" in line for line in lines)
    assert any("user='omar'" in line and "operation='ask'" in line for line in lines)
    assert "canary-" not in caplog.text


def _send(site: Site, body: bytes, content_type: str = "application/json") -> httpx.Response:
    headers = {"authorization": f"Bearer {site.token('maya')}", "content-type": content_type}
    return httpx.post(f"{site.url}/graphql", content=body, headers=headers, trust_env=False)

"""The same question has the same answer through every door, and each user's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from typer.testing import CliRunner

from api.cli.commands import app
from ingestion.simulator import Company
from tests.api.site import Site, said
from tests.api.truth import open_invoices, open_tickets
from tests.api.workshop import logging_restored


@dataclass(frozen=True)
class Answer:
    """What a user learns: the rows by number, and what is hidden in them. No rows: no customer."""

    numbers: frozenset[str] | None
    hidden: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class Case:
    user: str
    request: str
    list: str
    expected: Callable[[Company], Answer]
    customer: str = "Acme"

    def __str__(self) -> str:
        return f"{self.user}: {self.request}"


def _tickets(key: str, *without: str) -> Callable[[Company], Answer]:
    return lambda company: Answer(frozenset(open_tickets(company, key, without=without)))


def _nobody(_company: Company) -> Answer:
    return Answer(None)


CASES = [
    # Support of the region: all but the legal matter.
    Case("maya", "Acme's open tickets", "tickets", _tickets("acme", "legal")),
    # Sales of the region: no security report either.
    Case("omar", "Acme's open tickets", "tickets", _tickets("acme", "legal", "security")),
    # Support of another region: there is no such customer.
    Case("lena", "Acme's open tickets", "tickets", _nobody),
    # Somebody who is in no directory: nothing exists for them.
    Case("nobody", "Acme's open tickets", "tickets", _nobody),
    # The other region's customer is there for lena, and not for maya.
    Case(
        "lena",
        "open tickets of Acme Foods",
        "tickets",
        _tickets("acme-foods", "legal"),
        customer="Acme Foods",
    ),
    Case("maya", "open tickets of Acme Foods", "tickets", _nobody, customer="Acme Foods"),
    # Invoices are for sales.
    Case(
        "omar",
        "Acme's open invoices",
        "invoices",
        lambda company: Answer(frozenset(open_invoices(company, "acme"))),
    ),
    # For support there are no invoices at all.
    Case("maya", "Acme's open invoices", "invoices", _nobody),
]


def by_graphql(site: Site, case: Case) -> Answer:
    query = (
        f"query($name: String!) {{ customer(name: $name) {{ {case.list}(segment: OPEN, first: 200)"
        " { totalCount nodes { number hiddenFields } } } }"
    )
    answer = site.graphql(case.user, query, name=case.customer)
    if "errors" in answer:
        assert _is_of_nothing(answer["errors"][0]["message"])
        return Answer(None)
    return _from_json(answer["data"]["customer"], case)


def by_mcp_query(site: Site, case: Case) -> Answer:
    query = (
        f'{{ customer(name: "{case.customer}") {{ {case.list}(segment: OPEN, first: 200)'
        " { totalCount nodes { number hiddenFields } } } }"
    )
    result = site.tool(case.user, "query", {"graphql": query})
    if result.is_error:
        assert _is_of_nothing(said(result))
        return Answer(None)
    return _from_json(json.loads(said(result))["data"]["customer"], case)


def by_mcp_ask(site: Site, case: Case) -> Answer:
    return _from_text(said(site.tool(case.user, "ask", {"request": case.request})))


def _is_of_nothing(message: str) -> bool:
    """Whether it is the answer to who asks for what does not exist for them."""
    return "nothing here that you may see" in message or "Cannot query field" in message


def by_command(site: Site, case: Case) -> Answer:
    assert site.settings.database_url is not None
    environment = {
        "REMIT_HOME": str(site.settings.home),
        "REMIT_DATABASE_URL": site.settings.database_url.get_secret_value(),
        "REMIT_POLICIES": str(site.settings.policies),
        "REMIT_SOURCES": str(site.settings.sources),
    }
    with logging_restored():
        result = CliRunner().invoke(
            app, ["ask", "--user", case.user, case.request], env=environment
        )
    return _from_text(result.stdout or str(result.exception))


def _from_json(customer: dict[str, dict[str, object]] | None, case: Case) -> Answer:
    if customer is None:
        return Answer(None)
    page = customer[case.list]
    nodes = page["nodes"]
    assert isinstance(nodes, list)
    assert page["totalCount"] == len(nodes)
    hidden = {name for node in nodes for name in node["hiddenFields"]}
    return Answer(frozenset(node["number"] for node in nodes), frozenset(hidden))


def _from_text(text: str) -> Answer:
    """Read the compact table: interpretation, header, rows, footer."""
    lines = text.strip().splitlines()
    if lines[0].startswith("NOT_FOUND") or _is_of_nothing(text):
        return Answer(None)
    footer = lines[-1].split(" · ")
    rows = [line.split("|") for line in lines[2:-1]]
    assert footer[0] == f"{len(rows)} rows"
    if rows:
        header = lines[1].split("|")
        assert all(len(row) == len(header) for row in rows)
        assert header[0] == "number"
    prefix = "hidden from you: "
    hidden = {
        name
        for part in footer
        if part.startswith(prefix)
        for name in part.removeprefix(prefix).split(", ")
    }
    return Answer(frozenset(row[0] for row in rows), frozenset(hidden))


DOORS = [by_graphql, by_mcp_query, by_mcp_ask, by_command]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_door_gives_the_user_their_own_answer(
    site: Site, company: Company, door: Callable[[Site, Case], Answer], case: Case
) -> None:
    assert door(site, case) == case.expected(company)


def test_every_door_says_what_is_shown_in_part_and_nothing_of_what_is_not_there(
    site: Site,
) -> None:
    """For omar addresses are masked, and tickets have no description."""
    query = "{ contacts { nodes { hiddenFields } } tickets { nodes { hiddenFields } } }"
    by_mcp = json.loads(said(site.tool("omar", "query", {"graphql": query})))["data"]
    for data in (site.data("omar", query), by_mcp):
        named = {
            name: sorted({field for node in page["nodes"] for field in node["hiddenFields"]})
            for name, page in data.items()
        }
        assert named == {"contacts": ["email", "phone"], "tickets": []}
    contacts, tickets = (
        said(site.tool("omar", "ask", {"request": request})) for request in ("contacts", "tickets")
    )
    assert "hidden from you: email, phone" in contacts
    assert "hidden from you" not in tickets


def test_the_three_users_of_the_demo_differ(company: Company) -> None:
    """The table above proves little if its answers were the same."""
    maya, omar, lena = (case.expected(company) for case in CASES[:3])
    assert maya.numbers is not None
    assert omar.numbers is not None
    assert (len(maya.numbers), len(omar.numbers), lena.numbers) == (6, 5, None)

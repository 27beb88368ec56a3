"""Business requests in plain words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from access_policies import Principal
from semantic_layer.resolver import Resolver
from semantic_layer.schema import Schemas
from tests.semantic_layer.world import POLICIES, World, load_snapshot, write_policies

pytestmark = pytest.mark.anyio


@pytest.fixture
def maya(world: World) -> Principal:
    return world.principal("maya", department="support", regions=["EMEA"])


@pytest.fixture
def resolver(world: World) -> Resolver:
    return Resolver(Schemas(world.model), world.reader)


@pytest.mark.parametrize(
    ("text", "interpretation"),
    [
        ("Acme's open tickets", "open tickets of Acme"),
        ("open tickets of Acme", "open tickets of Acme"),
        ("Show me all unresolved support cases for ACME Corp.", "open tickets of ACME Corp"),
        ("How many open tickets does Acme have?", "open tickets of Acme"),
        ("critical issues at Acme", "urgent tickets of Acme"),
        ("customer Acme's solved tickets", "solved tickets of Acme"),
        ("Acme", "customer Acme"),
        ("customer Globex", "customer Globex"),
        ("tickets", "tickets"),
        ("open deals", "open opportunities"),
        ("enterprise customers", "enterprise customers"),
        ("Globex’s people", "contacts of Globex"),  # a typographic apostrophe
    ],
)
async def test_requests_that_are_understood(
    world: World, resolver: Resolver, maya: Principal, text: str, interpretation: str
) -> None:
    asked = await resolver.ask(world.context(maya), text)
    assert (asked.status, asked.interpretation) == ("ANSWERED", interpretation)
    assert asked.data is not None
    # What it says it understood is understood the same way again.
    assert (await resolver.ask(world.context(maya), asked.interpretation)).data == asked.data


@pytest.mark.parametrize(
    ("text", "status", "options"),
    [
        ("tickets and contacts of Acme", "AMBIGUOUS", ["tickets of Acme", "contacts of Acme"]),
        ("open tickets of Nobody", "NOT_FOUND", []),
        ("Acme Foods", "NOT_FOUND", []),  # exists, but not for maya
        ("tickets not open of Acme", "NOT_FOUND", []),  # a word that is not understood is not lost
        ("delete tickets of Acme", "NOT_UNDERSTOOD", []),
        ("users of Acme", "NOT_FOUND", []),  # no policy shows users, so the word means nothing
        ("", "NOT_UNDERSTOOD", []),
    ],
)
async def test_doubt_is_answered_with_options_and_never_with_a_guess(
    world: World, resolver: Resolver, maya: Principal, text: str, status: str, options: list[str]
) -> None:
    asked = await resolver.ask(world.context(maya), text)
    assert asked.status == status
    assert asked.data is None
    assert asked.message
    assert [option.text for option in asked.options] == options


async def test_what_belongs_to_no_customer_cannot_be_asked_for_by_one(
    world: World, tmp_path: Path
) -> None:
    colleagues = {**POLICIES, "user": {"rules": ['allow: user.department == "support"']}}
    snapshot = load_snapshot(write_policies(tmp_path / "policies", colleagues), world.model)
    there = replace(world, snapshot=snapshot)
    maya = there.context(there.principal("maya", department="support", regions=["EMEA"]))
    resolver = Resolver(Schemas(world.model), world.reader)
    assert (await resolver.ask(maya, "users")).status == "ANSWERED"
    assert (await resolver.ask(maya, "users of Acme")).status == "NOT_UNDERSTOOD"


async def test_a_similar_name_is_offered_as_a_request_that_can_be_asked_as_it_is(
    world: World, resolver: Resolver
) -> None:
    lena = world.context(world.principal("lena", department="support", regions=["AMER"]))
    asked = await resolver.ask(lena, "acme's open tickets")
    assert asked.status == "NOT_FOUND"
    assert [option.text for option in asked.options] == ["open tickets of Acme Foods"]
    assert (await resolver.ask(lena, asked.options[0].text)).status == "ANSWERED"


@pytest.fixture
def omar(world: World) -> Principal:
    """Sees tickets without their description and status, and no invoices at all."""
    return world.principal("omar", department="sales", regions=["EMEA"])


async def test_answers_have_the_fields_that_exist_for_the_caller(
    world: World, resolver: Resolver, maya: Principal, omar: Principal
) -> None:
    fields = {}
    for who in (maya, omar):
        asked = await resolver.ask(world.context(who), "tickets of Globex")
        assert asked.data is not None
        fields[who.user] = set(asked.data["customer"]["tickets"]["nodes"][0])
    assert fields["maya"] - fields["omar"] == {"status"}
    assert "number" in fields["omar"]


async def test_a_customer_is_told_with_counts_of_what_exists_for_the_caller(
    world: World, resolver: Resolver, maya: Principal, omar: Principal
) -> None:
    counted = {}
    for who in (maya, omar):
        asked = await resolver.ask(world.context(who), "customer Globex")
        assert asked.data is not None
        counted[who.user] = {name for name in asked.data["customer"] if name.startswith("open")}
    # A ticket is open by its status, which omar does not see.
    assert counted == {
        "maya": {"openTickets", "openOpportunities"},
        "omar": {"openOpportunities"},
    }


@pytest.mark.parametrize(
    ("hidden", "invented"),
    [
        ("invoices", "invoizes"),  # an entity
        ("bills of Globex", "bilks of Globex"),  # by another of its names
        ("overdue invoices of Globex", "overdue invoizes of Globex"),
        ("open tickets", "opem tickets"),  # a segment
        ("unresolved tickets of Globex", "unresolfed tickets of Globex"),
        ("Globex's critical issues", "Globex's kritical issues"),
    ],
)
async def test_words_for_what_is_hidden_mean_as_little_as_invented_ones(
    world: World, resolver: Resolver, omar: Principal, hidden: str, invented: str
) -> None:
    asked = [await resolver.ask(world.context(omar), text) for text in (hidden, invented)]
    assert asked[0].status == asked[1].status != "ANSWERED"
    assert asked[0].options == asked[1].options == ()
    assert _with(asked[1].message, invented, hidden) == asked[0].message


def _with(message: str, invented: str, hidden: str) -> str:
    for old, new in zip(invented.split(), hidden.split(), strict=True):
        message = message.replace(old, new)
    return message


@pytest.mark.parametrize("text", ["delete tickets of Acme", "users of Acme"])
async def test_what_can_be_asked_is_told_in_words_of_what_exists(
    world: World, resolver: Resolver, omar: Principal, text: str
) -> None:
    asked = await resolver.ask(world.context(omar), text)
    assert asked.status in ("NOT_UNDERSTOOD", "NOT_FOUND")
    assert [
        word for word in ("invoices", "subscriptions", "open tickets") if word in asked.message
    ] == []


async def test_without_names_of_customers_no_words_are_read_as_one(
    world: World, tmp_path: Path
) -> None:
    policies = {
        "ticket": {"rules": ['allow: user.department == "support"']},
        "customer": {
            "rules": ['allow: user.department == "support"'],
            "masks": ['hide name: user.department == "support"'],
        },
    }
    directory = write_policies(tmp_path / "policies", policies)
    nameless = replace(world, snapshot=load_snapshot(directory, world.model))
    maya = nameless.principal("maya", department="support")
    resolver = Resolver(Schemas(world.model), world.reader)
    for text in ("Globex", "tickets of Globex", "customer Globex"):
        asked = await resolver.ask(nameless.context(maya), text)
        assert (asked.status, asked.data) == ("NOT_UNDERSTOOD", None)
    tickets = await resolver.ask(nameless.context(maya), "open tickets")
    assert tickets.status == "ANSWERED"
    customers = await resolver.ask(nameless.context(maya), "customers")
    assert customers.data is not None
    assert "name" not in customers.data["customers"]["nodes"][0]
    # What it gives as a sample is understood.
    sample = asked.message.split("such as ")[1].split("'")[1]
    assert (await resolver.ask(nameless.context(maya), sample)).status == "ANSWERED"

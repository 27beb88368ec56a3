"""Business requests in plain words."""

from __future__ import annotations

import pytest

from access_policies import Principal
from semantic_layer import Resolver
from tests.semantic_layer.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def maya(world: World) -> Principal:
    return world.principal("maya", department="support", regions=["EMEA"])


@pytest.fixture
def resolver(world: World) -> Resolver:
    return Resolver(world.model, world.schema, world.reader)


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
        ("users of Acme", "NOT_UNDERSTOOD", []),  # our own people belong to no customer
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


async def test_a_similar_name_is_offered_as_a_request_that_can_be_asked_as_it_is(
    world: World, resolver: Resolver
) -> None:
    lena = world.context(world.principal("lena", department="support", regions=["AMER"]))
    asked = await resolver.ask(lena, "acme's open tickets")
    assert asked.status == "NOT_FOUND"
    assert [option.text for option in asked.options] == ["open tickets of Acme Foods"]
    assert (await resolver.ask(lena, asked.options[0].text)).status == "ANSWERED"

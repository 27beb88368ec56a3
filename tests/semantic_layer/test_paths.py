"""Policies that look far: over several relations to one row, and at the rows below a relation to
many. SQL, Casbin and what an answer shows have to agree about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from access_policies import Principal, parse
from index.errors import NotPermitted
from semantic_layer.facts import Facts
from semantic_layer.freshness import Wanted
from semantic_layer.live_plan import LivePlan
from semantic_layer.query import Listing, Lookup, PageOutput, Root
from tests.semantic_layer.world import NOW, World, load_snapshot, row_id, write_policies

pytestmark = pytest.mark.anyio

ALL = {"north", "gone", "nobody", "loose"}


@pytest.fixture(scope="module")
def linked(world: World) -> World:
    """Tickets of an account with an owner, of one whose owner is deleted, of one without an owner,
    and of no account."""
    linked = replace(world, tenant="linked")
    _furnish(linked)
    return linked


def _furnish(world: World) -> None:
    world.put_all(
        "user",
        {
            "ann": {"name": "Ann", "active": True},
            "bob": {"name": "Bob", "active": True, "email": "bob@x.example", "deleted_at": NOW},
        },
    )
    owners = {"north": "ann", "gone": "bob", "nobody": None}
    world.put_all(
        "account",
        {
            f"account-{name}": {
                "name": name.title(),
                "region": "EMEA" if name == "north" else "AMER",
                "domains": [f"{name}.example"],
                "owner_id": row_id(owner) if owner else None,
            }
            for name, owner in owners.items()
        },
    )
    world.put_all(
        "ticket",
        {
            name: {
                "number": name,
                "subject": name,
                "description": f"about {name}",
                "tags": ["vip", name],
                "account_id": row_id(f"account-{name}") if name in owners else None,
            }
            for name in ALL
        },
    )
    # (ticket, public, author, days ago, deleted)
    comments = [
        ("north", False, "ann", 1, False),
        ("north", True, None, 200, False),
        ("gone", False, "ann", 1, True),
        ("gone", True, "bob", 5, False),
        ("nobody", None, None, None, False),
    ]
    world.put_all(
        "comment",
        {
            f"comment-{at}": {
                "body": f"{name} {at}",
                "public": public,
                "ticket_id": row_id(name),
                "author_id": row_id(author) if author else None,
                "created_at": None if days is None else NOW - timedelta(days=days),
                "deleted_at": NOW if deleted else None,
            }
            for at, (name, public, author, days, deleted) in enumerate(comments)
        },
    )
    world.put_all(
        "opportunity",
        {
            "small": {"probability": 12.25, "account_id": row_id("account-north")},
            "large": {"probability": None, "account_id": row_id("account-gone")},
        },
    )
    world.resolve()


def _governed(world: World, directory: Path, rules: list[str], masks: list[str]) -> World:
    policies = {
        "ticket": {"rules": rules, "masks": masks},
        **{name: {"rules": ["allow: true"]} for name in ("account", "comment", "user")},
        "customer": {"rules": ["allow: customer.region in user.regions"]},
    }
    snapshot = load_snapshot(write_policies(directory / "policies", policies), world.model)
    return replace(world, snapshot=snapshot)


def _ann(world: World, *regions: str) -> Principal:
    return world.principal("ann", regions=list(regions), department="support")


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        # Two relations away; an owner that is deleted or was never there is unknown, either way.
        ("ticket.account.owner.active", {"north"}),
        ("not ticket.account.owner.active", set()),
        ("ticket.account.owner.email == null", {"north"}),
        ("ticket.account.owner.name != null", {"north"}),
        # Over the identity of the customer.
        ('ticket.customer.region == "AMER"', {"gone", "nobody"}),
        # Some row below; one that is deleted does not count.
        ("any(ticket.comments, comment.public == false)", {"north"}),
        ("any(ticket.comments, true)", {"north", "gone", "nobody"}),
        # No row below, or of none it could be true.
        ("not any(ticket.comments, comment.public == false)", {"gone", "loose"}),
        # What is asked of the row below may look further, or count days.
        ("any(ticket.comments, comment.agent.active)", {"north"}),
        ("any(ticket.comments, comment.created_at > daysAgo(2))", {"north"}),
        ("any(ticket.comments, comment.created_at < daysAgo(100))", {"north"}),
        # Below a parent; nothing is known of one that is not there.
        ("any(ticket.customer.opportunities, opportunity.probability == 12.25)", {"north"}),
        ("not any(ticket.customer.opportunities, opportunity.probability > 50)",
         {"north", "nobody"}),
        ("not any(ticket.customer.tickets, any(ticket.comments, comment.public))", {"loose"} - ALL),
        ("any(ticket.customer.tickets, not any(ticket.comments, comment.public != false))",
         set()),
        # Lists that overlap, and beginnings.
        ('overlaps(ticket.tags, ["north", "loose"])', {"north", "loose"}),
        ('keyMatch(ticket.subject, "no*")', {"north", "nobody"}),
    ],
)  # fmt: skip
async def test_sql_and_casbin_see_the_same_rows(
    linked: World, tmp_path: Path, when: str, seen: set[str]
) -> None:
    world = _governed(linked, tmp_path, [f"allow: {when}"], [])
    context = world.context(_ann(world))
    compiler = context.compiler(world.model, world.tables)
    scope = compiler.scope("ticket")
    rows = select(scope.table.c.id).select_from(scope.source).where(*scope.conditions)
    facts = Facts(compiler, world.snapshot.predicates)
    names = {row_id(name): name for name in ALL}

    async with world.database.reading(world.tenant) as connection:
        in_postgres = {names[id] for id in (await connection.execute(rows)).scalars()}
        in_casbin = {
            names[id]
            async for id, row in facts.of(connection, "ticket", list(names))
            if world.snapshot.decide(context.principal, "ticket", row, NOW)
        }

    assert in_postgres == seen
    assert in_casbin == seen


async def test_masks_look_far_too(linked: World, tmp_path: Path) -> None:
    world = _governed(
        linked,
        tmp_path,
        ["allow: true"],
        [
            "hide description: any(ticket.comments, comment.public == false)",
            'redact subject: ticket.account.owner.name == "Ann"',
            'hide type: any(ticket.customer.opportunities, opportunity.name == "x")',
        ],
    )
    answer = await world.ask(
        _ann(world, "EMEA"),
        """{ tickets { nodes { number subject description hiddenFields } }
             customer(name: "North") { tickets { nodes { subject description } } } }""",
    )

    shown = {node.pop("number"): node for node in answer["data"]["tickets"]["nodes"]}
    assert shown == {
        "north": {"subject": "•••", "description": None, "hiddenFields": _hidden("dst")},
        # The owner is deleted, so that nobody knows the name; the opportunity has none.
        "gone": {"subject": "•••", "description": "about gone", "hiddenFields": _hidden("st")},
        "nobody": {"subject": "•••", "description": None, "hiddenFields": _hidden("ds")},
        "loose": {"subject": "•••", "description": "about loose", "hiddenFields": _hidden("st")},
    }
    (mine,) = answer["data"]["customer"]["tickets"]["nodes"]
    assert mine == {"subject": "•••", "description": None}


def _hidden(letters: str) -> list[str]:
    return [name for name in ("description", "subject", "type") if name[0] in letters]


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        # Ann sees the customer in EMEA only: of the others a filter may not tell the region.
        ('ticket.customer.region == "EMEA"', {"north"}),
        ('ticket.customer.region == "AMER"', set()),
        ("ticket.customer.region == null", set()),
        ("any(ticket.customer.tickets, true)", {"north"}),
        # Comments are everyone's here, tickets' own fields as well.
        ("any(ticket.comments, comment.public)", {"north", "gone"}),
        ("ticket.subject == null", set()),
    ],
)
async def test_a_filter_sees_only_what_the_caller_sees(
    linked: World, tmp_path: Path, when: str, seen: set[str]
) -> None:
    world = _governed(linked, tmp_path, ["allow: true"], [])
    context = world.context(_ann(world, "EMEA"))
    scope = context.compiler(world.model, world.tables).scope("ticket")
    scope.restrict(parse(when, world.model["ticket"].spec, world.model.specs, {}))
    rows = select(scope.table.c.number).select_from(scope.source).where(*scope.conditions)

    async with world.database.reading(world.tenant) as connection:
        assert set((await connection.execute(rows)).scalars()) == seen


async def test_a_filter_reads_only_what_is_clear(linked: World, tmp_path: Path) -> None:
    world = _governed(linked, tmp_path, ["allow: true"], ["hide subject: true"])
    spec, specs = world.model["ticket"].spec, world.model.specs
    compiler = world.context(_ann(world)).compiler(world.model, world.tables)
    for when in (
        "ticket.subject == null",
        'any(ticket.customer.tickets, ticket.subject == "x")',
    ):
        count = PageOutput(key="count", kind="total_count")
        listing = Listing(
            entity="ticket",
            filters=(parse(when, spec, specs, {}),),
            order=(),
            first=1,
            after=None,
            page=(count,),
        )
        with pytest.raises(NotPermitted, match="cannot be filtered by 'subject'"):
            compiler.statement([Root(key="tickets", ask=listing)])


async def test_rows_behind_several_relations_are_read_live(linked: World, tmp_path: Path) -> None:
    rule = "allow: ticket.account.owner.active and ticket.account.name != null"
    world = _governed(linked, tmp_path, [rule], [])
    compiler = world.context(_ann(world)).compiler(world.model, world.tables)
    lookup = Lookup(entity="ticket", id=row_id("north"), name=None, outputs=(), max_age=60)

    async with world.database.reading(world.tenant) as connection:
        wanted = await LivePlan(compiler, NOW, ()).wanted(connection, [lookup])

    assert wanted == [
        Wanted("desk", "ticket", "north"),
        Wanted("desk", "account", "account-north"),
        Wanted("desk", "user", "ann"),
    ]

"""What must be read live for a list: nothing, once every stream of its rows was read since."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from index.tables import stream_state
from semantic_layer.freshness import Wanted
from semantic_layer.live_plan import LivePlan
from semantic_layer.query import Listing, Lookup, Many
from semantic_layer.stream_freshness import Feed
from tests.semantic_layer.world import NOW, World, row_id

pytestmark = pytest.mark.anyio

READ: list[tuple[dict[str, int | None], bool]] = [
    # how many seconds ago each stream of comments was read to its end, and whether that will do
    ({"notes": 10, "emails": 20}, True),
    ({"notes": 10, "emails": 90}, False),
    ({"notes": 10, "emails": None}, False),
    # as if there were no e-mails, which nobody knows
    ({"notes": 10}, False),
    ({}, False),
]


@pytest.mark.parametrize(("read", "fresh"), READ)
async def test_a_list_is_fresh_when_all_its_streams_are(
    empty_world: World, read: dict[str, int | None], fresh: bool
) -> None:
    world = empty_world
    world.put("account", "acme", name="Acme", region="EMEA")
    world.put("ticket", "one", account_id=row_id("acme"), tags=[])
    world.resolve()
    with world.database.writing() as connection:
        for stream, seconds in read.items():
            at = NOW - timedelta(seconds=seconds) if seconds is not None else None
            row = {"tenant_id": world.tenant, "source": "desk", "stream": stream, "synced_at": at}
            connection.execute(insert(stream_state).values(row))
    feeds = [Feed(world.tenant, "comment", "desk", stream) for stream in ("notes", "emails")]
    ann = world.context(world.principal("ann", regions=["EMEA"], department="support"))
    listing = Listing(
        entity="comment", filters=(), order=(), first=5, after=None, page=(), max_age=60
    )
    comments = Many(key="comments", relation="comments", listing=listing)
    lookup = Lookup(entity="ticket", id=row_id("one"), name=None, outputs=(comments,))
    plan = LivePlan(ann.compiler(world.model, world.tables), NOW, feeds)
    async with world.database.reading(world.tenant) as connection:
        wanted = await plan.wanted(connection, [lookup])
    lists = [each for each in wanted if each.children == "comment"]
    assert lists == ([] if fresh else [Wanted("desk", "ticket", "one", "comment")])

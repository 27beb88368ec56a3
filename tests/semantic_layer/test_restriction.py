"""What is kept of a caller's rules in SQL must not tie one request to another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from access_policies import Principal
from semantic_layer import Context
from semantic_layer.splice import Question
from tests.semantic_layer.world import NOW, World, load_snapshot, write_policies

pytestmark = pytest.mark.anyio


def _under(world: World, directory: Path, *rules: str) -> World:
    """The world with these rules for tickets."""
    policies = write_policies(directory / "kept", {"ticket": {"rules": list(rules)}})
    return replace(world, snapshot=load_snapshot(policies, world.model))


async def _numbers(world: World, principal: Principal, now: datetime = NOW) -> Any:
    context = Context(principal=principal, snapshot=world.snapshot, now=now)
    question = Question(world.reader, context)
    result = await world.schema.execute("{ tickets { nodes { number } } }", context_value=question)
    assert not result.errors
    answer = orjson.loads(orjson.dumps(result.data))
    return [node["number"] for node in answer["tickets"]["nodes"]]


async def test_a_rule_about_time_is_asked_at_the_moment_of_each_request(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path, "allow: ticket.created_at > daysAgo(1)")
    world.put("ticket", "t1", number="1", created_at=NOW - timedelta(hours=20))
    somebody = world.principal()
    assert await _numbers(world, somebody) == ["1"]
    assert await _numbers(world, somebody, NOW + timedelta(hours=5)) == []
    assert await _numbers(world, somebody) == ["1"]


async def test_callers_and_tenants_keep_apart_under_one_snapshot(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path, "allow: ticket.type == user.department")
    other = replace(world, tenant="another-tenant")
    for where, mark in ((world, ""), (other, "'")):
        where.put("ticket", f"sales{mark}", number=f"1{mark}", type="sales", created_at=NOW)
        where.put("ticket", f"support{mark}", number=f"2{mark}", type="support", created_at=NOW)
    for _ in range(2):  # made, and kept
        assert await _numbers(world, world.principal(department="sales")) == ["1"]
        assert await _numbers(world, world.principal(department="support")) == ["2"]
        assert await _numbers(world, world.principal()) == []
        assert await _numbers(other, other.principal(department="sales")) == ["1'"]


async def test_an_entity_at_many_places_of_a_statement_is_restricted_at_each(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path, 'allow: "vip" in ticket.tags')
    world.put("ticket", "vip", number="1", tags=["vip"], created_at=NOW)
    world.put("ticket", "other", number="2", tags=["beta"], created_at=NOW)
    # More places than restrictions are kept for, each with a filter of its own.
    pages = [
        f'a{n}: tickets(where: {{number: {{eq: "{n % 3}"}}}}) {{ totalCount nodes {{ number }} }}'
        for n in range(6)
    ]
    for _ in range(2):
        answer = await world.ask(world.principal(), f"{{ {' '.join(pages)} }}")
        seen = [[node["number"] for node in page["nodes"]] for page in answer["data"].values()]
        assert seen == [[], ["1"], [], [], ["1"], []]
        assert [page["totalCount"] for page in answer["data"].values()] == [0, 1, 0, 0, 1, 0]

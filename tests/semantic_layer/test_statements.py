"""A question that is asked again gets its statement from memory, and never another one's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from access_policies import Principal
from semantic_layer import Context
from semantic_layer.freshness import Failure, Wanted
from semantic_layer.reader import Reader
from semantic_layer.splice import Question
from tests.semantic_layer.world import NOW, World, load_snapshot, row_id, write_policies

pytestmark = pytest.mark.anyio

NUMBERS = "{ tickets { nodes { number } } }"
SUBJECTS = "{ tickets { nodes { number subject } } }"
LATER = NOW + timedelta(hours=5)


class _NothingNew:
    """Live reads of a source that has nothing to say of the rows in question."""

    async def refresh(self, _tenant: str, _wanted: Sequence[Wanted]) -> Sequence[Failure]:
        return ()


def _under(world: World, directory: Path, tickets: list[str], **others: list[str]) -> World:
    """The world with these rules and masks for tickets, and these rules for other entities."""
    masks = [line for line in tickets if not line.startswith(("allow", "deny"))]
    rules = [line for line in tickets if line not in masks]
    written = {name: {"rules": lines} for name, lines in others.items()}
    policies = write_policies(directory, {"ticket": {"rules": rules, "masks": masks}, **written})
    return replace(world, snapshot=load_snapshot(policies, world.model))


async def _nodes(world: World, principal: Principal, query: str, now: datetime = NOW) -> Any:
    page = await _data(world, principal, query, now)
    return [list(node.values()) for node in page["nodes"]]


async def _data(world: World, principal: Principal, query: str, now: datetime) -> Any:
    context = Context(principal=principal, snapshot=world.snapshot, now=now)
    question = Question(world.reader, context)
    result = await world.schema.execute(query, context_value=question)
    assert not result.errors
    (root,) = orjson.loads(orjson.dumps(result.data)).values()
    return root


async def test_what_changed_since_is_seen(empty_world: World, tmp_path: Path) -> None:
    world = _under(empty_world, tmp_path / "policies", ["allow: true"])
    for subject in ("Printer", "Scanner"):
        world.put("ticket", "t1", number="1", subject=subject, created_at=NOW)
        assert await _nodes(world, world.principal(), SUBJECTS) == [["1", subject]]


async def test_a_mask_about_time_is_asked_at_the_moment_of_each_request(
    empty_world: World, tmp_path: Path
) -> None:
    mask = "hide subject: ticket.created_at < daysAgo(1)"
    world = _under(empty_world, tmp_path / "policies", ["allow: true", mask])
    world.put("ticket", "t1", number="1", subject="Printer", created_at=NOW - timedelta(hours=20))
    for now, subject in ((NOW, "Printer"), (LATER, None), (NOW, "Printer")):
        assert await _nodes(world, world.principal(), SUBJECTS, now) == [["1", subject]]


async def test_a_segment_about_time_is_asked_at_the_moment_of_each_request(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path / "policies", ["allow: true"])
    world.put("ticket", "t1", number="1", status="OPEN", created_at=NOW, due_at=LATER)
    late = "{ tickets(segment: [OVERDUE]) { nodes { number } } }"
    for now, found in ((NOW, []), (LATER + timedelta(hours=1), [["1"]]), (NOW, [])):
        assert await _nodes(world, world.principal(), late, now) == found


async def test_an_age_is_measured_at_the_moment_of_each_request(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path / "policies", ["allow: true"])
    reader = Reader(world.database, world.model, world.tables, live=_NothingNew())
    world = replace(world, reader=reader)
    world.put("ticket", "t1", number="1", created_at=NOW, synced_at=NOW - timedelta(hours=1))
    query = f'{{ ticket(id: "{row_id("t1")}", maxAge: 7200) {{ provenance {{ stale }} }} }}'
    for now, stale in ((NOW, False), (LATER, True), (NOW, False)):
        assert (await _data(world, world.principal(), query, now))["provenance"]["stale"] is stale


async def test_another_version_of_the_policies_is_another_statement(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(empty_world, tmp_path / "first", ["allow: true"])
    narrower = _under(empty_world, tmp_path / "second", ['allow: ticket.number == "2"'])
    world.put("ticket", "t1", number="1", created_at=NOW)
    world.put("ticket", "t2", number="2", created_at=NOW - timedelta(hours=1))
    for _ in range(2):
        assert await _nodes(world, world.principal(), NUMBERS) == [["1"], ["2"]]
        assert await _nodes(narrower, world.principal(), NUMBERS) == [["2"]]


async def test_callers_who_differ_only_in_what_they_see_beyond_keep_apart(
    empty_world: World, tmp_path: Path
) -> None:
    world = _under(
        empty_world,
        tmp_path / "policies",
        ["allow: true"],
        comment=['allow: comment.public == true or user.department == "support"'],
    )
    world.put("ticket", "t1", number="1", created_at=NOW)
    ticket = {"ticket_id": row_id("t1"), "created_at": NOW}
    world.put("comment", "c1", body="For all", public=True, **ticket)
    world.put("comment", "c2", body="For us", public=False, **ticket)
    counted = "{ tickets { nodes { comments { totalCount } } } }"
    for _ in range(2):
        for department, seen in (("support", 2), ("sales", 1)):
            asked = await _nodes(world, world.principal(department=department), counted)
            assert asked == [[{"totalCount": seen}]]


async def test_tenants_keep_apart(empty_world: World, tmp_path: Path) -> None:
    world = _under(empty_world, tmp_path / "policies", ["allow: true"])
    other = replace(world, tenant="another-tenant")
    world.put("ticket", "t1", number="1", created_at=NOW)
    other.put("ticket", "t2", number="2", created_at=NOW)
    for _ in range(2):
        assert await _nodes(world, world.principal(), NUMBERS) == [["1"]]
        assert await _nodes(other, other.principal(), NUMBERS) == [["2"]]

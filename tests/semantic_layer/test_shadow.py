"""A version on trial: what reads would have shown otherwise is found, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from access_policies import Candidate, Principal, Snapshot
from access_policies.versions.shadow_runs import Difference
from semantic_layer import Context
from semantic_layer.reader import Reader
from semantic_layer.shadow import Shadow
from tests.semantic_layer.test_confirm import counted
from tests.semantic_layer.world import (
    POLICIES,
    TICKETS,
    World,
    load_snapshot,
    row_id,
    write_policies,
)

pytestmark = pytest.mark.anyio

NUMBER = 12
"""Of the version on trial."""


@dataclass
class Sink:
    """Keeps what is recorded, once `open` is set."""

    recorded: list[tuple[str, int, Sequence[Difference]]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    async def record(self, tenant: str, version: int, differences: Sequence[Difference]) -> None:
        self.called.set()
        await self.open.wait()
        if self.broken:
            raise RuntimeError("secret")
        self.recorded.append((tenant, version, differences))

    def changes(self) -> set[str]:
        """Like `gained t0` and `masked t0.status`; customers have no names here."""
        found = [each for _, _, differences in self.recorded for each in differences]
        rows = [NAMES.get(each.row_id, each.entity) for each in found]
        return {
            f"{each.change} {row}.{each.field}".rstrip(".")
            for each, row in zip(found, rows, strict=True)
        }


NAMES = {row_id(f"{kind}{n}"): f"{kind}{n}" for kind in "tp" for n in range(TICKETS)}
NAMES |= {row_id(f"t{n}c{c}"): f"t{n}c{c}" for n in range(TICKETS) for c in range(3)}


@dataclass
class Trial:
    """A world in which reads are compared with what another version of the policies shows."""

    world: World
    candidate: Snapshot
    sink: Sink
    shadow: Shadow

    async def ask(self, principal: Principal, question: str) -> dict[str, Any]:
        return await _OnTrial(**vars(self.world), candidate=self.candidate).ask(principal, question)


@dataclass
class _OnTrial(World):
    candidate: Snapshot | None = None

    def context(self, principal: Principal) -> Context:
        assert self.candidate is not None
        candidate = Candidate(NUMBER, self.candidate)
        return replace(super().context(principal), candidate=candidate)


def trial(
    world: World,
    directory: Path,
    changed: Mapping[str, Mapping[str, list[str]]],
    *,
    capacity: int = 100,
) -> Trial:
    """`changed` replaces rules or masks of entities."""
    policies: dict[str, dict[str, list[str]]] = deepcopy(POLICIES)
    for entity, parts in changed.items():
        policies[entity] |= parts
    sink = Sink()
    sink.open.set()
    shadow = Shadow(world.database, world.model, world.tables, sink, capacity=capacity)
    reader = Reader(world.database, world.model, world.tables, shadow=shadow)
    candidate = load_snapshot(write_policies(directory / "candidate", policies), world.model)
    return Trial(replace(world, reader=reader), candidate, sink, shadow)


TICKETS_OF_REGIONS = POLICIES["ticket"]["rules"][0]
LEGAL_TOO = {"ticket": {"rules": [TICKETS_OF_REGIONS]}}
NOT_THE_FIRST = {"ticket": {"rules": [*POLICIES["ticket"]["rules"], 'deny: ticket.number == "1"']}}
FIRST_TWO = "{ tickets(first: 2, orderBy: NUMBER_ASC) { nodes { subject } } }"  # 1 and 10


@pytest.mark.parametrize(
    ("changed", "department", "question", "expected"),
    [
        # a deny rule is gone: of the tickets 0, 9, 18 and 27 the last is in another region
        (
            LEGAL_TOO,
            "support",
            "{ tickets(first: 50) { nodes { id } } }",
            {"gained t0", "gained t9", "gained t18"},
        ),
        # the same in a list below a row, and of a row by its id
        (
            LEGAL_TOO,
            "support",
            '{ customer(name: "Globex") { tickets(first: 50) { nodes { subject } } } }',
            {"gained t18"},
        ),
        (LEGAL_TOO, "support", f'{{ ticket(id: "{row_id("t0")}") {{ id }} }}', {"gained t0"}),
        # nothing of what is gained or lost was asked for
        (LEGAL_TOO, "support", f'{{ ticket(id: "{row_id("t2")}") {{ id }} }}', set()),
        # a row that a gained one pushes to the next page is not lost
        (LEGAL_TOO, "support", FIRST_TWO, {"gained t0"}),
        # a row that moves up in place of a lost one is not gained
        (NOT_THE_FIRST, "support", FIRST_TWO, {"lost t1"}),
        # a rule in a row of its own, below one that stays
        (
            {"comment": {"rules": ["allow: comment.public == true"]}},
            "support",
            f'{{ ticket(id: "{row_id("t2")}") {{ comments {{ nodes {{ body }} }} }} }}',
            {"lost t2c1"},
        ),
        # what hangs below a lost row is not lost itself
        (
            {"customer": {"rules": ['allow: customer.name == "Acme Foods"']}},
            "support",
            '{ customer(name: "Globex") { tickets(first: 1) { nodes { id } } } }',
            {"lost customer"},
        ),
        # a mask is gone, of a row at the other end of a relation; and whether or not it was asked
        (
            {"contact": {"masks": []}},
            "sales",
            f'{{ ticket(id: "{row_id("t2")}") {{ requester {{ name }} }} }}',
            {"unmasked p2.email"},
        ),
        # a mask more, on the rows that it is about
        (
            {"contact": {"masks": ['hide name: contact.email == "p2@x.example"']}},
            "support",
            "{ tickets(first: 50) { nodes { requester { name } } } }",
            {"masked p2.name"},
        ),
        # the question itself could not be asked, as it filters by what is masked: its rows stay
        (
            {"ticket": {"masks": ["hide status: ticket.number != null"]}},
            "support",
            "{ tickets(first: 50, where: {status: {eq: SOLVED}}) { nodes { id } } }",
            {"masked t21.status", "masked t33.status"},
        ),
    ],
)
async def test_what_differs_is_recorded(
    world: World,
    tmp_path: Path,
    changed: Mapping[str, Mapping[str, list[str]]],
    department: str,
    question: str,
    expected: set[str],
) -> None:
    tried = trial(world, tmp_path, changed)
    caller = world.principal("somebody", department=department, regions=["EMEA"])
    assert await tried.ask(caller, question) == await world.ask(caller, question)
    await tried.shadow.drained()
    assert tried.sink.changes() == expected
    assert (tried.shadow.dropped, tried.shadow.failed) == (0, 0)


async def test_a_difference_says_of_whom_and_of_which_version(world: World, tmp_path: Path) -> None:
    tried = trial(world, tmp_path, LEGAL_TOO)
    somebody = world.principal("maya", department="support", regions=["EMEA"])
    question = f'{{ ticket(id: "{row_id("t0")}") {{ id }} }}'
    await tried.ask(somebody, question)
    await tried.ask(replace(somebody, agent="helper"), question)
    await tried.shadow.drained()
    gained = Difference(entity="ticket", row_id=row_id("t0"), change="gained", user="maya")
    assert tried.sink.recorded == [
        (world.tenant, NUMBER, [gained]),
        (world.tenant, NUMBER, [replace(gained, agent="helper")]),
    ]


@pytest.mark.parametrize(
    ("changed", "department", "question"),
    [
        # another entity
        (LEGAL_TOO, "support", "{ contacts { nodes { id } } }"),
        # a rule that makes no difference to this caller
        ({"contact": {"masks": []}}, "support", "{ contacts { nodes { id } } }"),
        # no row is shown
        (LEGAL_TOO, "support", "{ tickets { totalCount } }"),
    ],
)
async def test_where_nothing_can_differ_nothing_is_asked(
    world: World,
    tmp_path: Path,
    changed: Mapping[str, Mapping[str, list[str]]],
    department: str,
    question: str,
) -> None:
    tried = trial(world, tmp_path, changed)
    caller = world.principal("somebody", department=department, regions=["EMEA"])
    with counted(world) as statements:
        await tried.ask(caller, question)
        await tried.shadow.drained()
    assert len(statements) == 1
    assert tried.sink.recorded == []


async def test_answers_neither_wait_nor_fail(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tried = trial(world, tmp_path, LEGAL_TOO, capacity=2)
    caller = world.principal("somebody", department="support", regions=["EMEA"])
    question = f'{{ ticket(id: "{row_id("t0")}") {{ id }} }}'
    tried.sink.open.clear()
    tried.sink.broken = True
    await tried.ask(caller, question)
    await tried.sink.called.wait()
    for _ in range(5):  # while the first is still being recorded, two wait
        assert await tried.ask(caller, question) == {"data": {"ticket": None}}
    assert tried.shadow.dropped == 3
    tried.sink.open.set()
    await tried.shadow.drained()
    assert tried.shadow.failed == 3
    assert f"version {NUMBER} of the policies (RuntimeError)" in caplog.text
    assert "secret" not in caplog.text
    # What comes later is compared again.
    tried.sink.broken = False
    await tried.ask(caller, question)
    await tried.shadow.drained()
    assert tried.sink.changes() == {"gained t0"}

"""Rows that SQL shows are put before Casbin, and nothing is shown where the two differ."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import event

from access_policies import Mask, MaskKind, Principal, Snapshot, Visibility
from index.errors import ConfigurationError
from index.predicate import ALWAYS
from semantic_layer.reader import Reader
from tests.semantic_layer.world import World, furnish, row_id

pytestmark = pytest.mark.anyio

UNCONFIRMED = (
    "The decision about a row could not be confirmed, so nothing is shown."
    " An operator finds the reason in the log."
)
VALUES = ("secret", "Subject", "body ", "x.example", "Acme", "Globex", "legal", "EMEA", "AMER")
"""What rows hold, and no log or message may."""


class Careless(Snapshot):
    """A snapshot whose SQL shows too much of one entity, while its Casbin stays right."""

    def __init__(self, honest: Snapshot, entity: str, *, rows: bool) -> None:
        super().__init__(honest.policies)
        self._entity = entity
        self._rows = rows

    def visibility(self, principal: Principal, entity: str) -> Visibility:
        right = super().visibility(principal, entity)
        if entity != self._entity:
            return right
        if self._rows:
            return replace(right, rows=ALWAYS)
        return replace(right, masks=MappingProxyType({}))


class Lenient(Snapshot):
    """A snapshot whose SQL masks the right fields of contacts, and shows too much of them."""

    def visibility(self, principal: Principal, entity: str) -> Visibility:
        right = super().visibility(principal, entity)
        masks = {
            name: replace(mask, levels=tuple((Mask(MaskKind.HASH), on) for _, on in mask.levels))
            for name, mask in right.masks.items()
        }
        return replace(right, masks=masks) if entity == "contact" else right


def draws() -> Random:
    """Which reads are confirmed: always the same ones."""
    return Random(7)  # noqa: S311


def reading(world: World, share: float, snapshot: Snapshot | None = None) -> World:
    """The world with another reader, and perhaps another snapshot."""
    reader = Reader(world.database, world.model, world.tables, recheck=share, chance=draws())
    return replace(world, reader=reader, snapshot=snapshot or world.snapshot)


def somebody(world: World, department: str) -> Principal:
    return world.principal("somebody", department=department, regions=["EMEA"])


def is_withheld(answer: dict[str, Any]) -> bool:
    return answer["errors"] == [UNCONFIRMED] and not any((answer["data"] or {}).values())


QUESTIONS = [
    # a list, with the row at the other end of a relation
    "{ tickets(first: 50) { nodes { number description customer { name } } } }",
    # lists in lists, paged
    """{ customers { nodes { name tickets(first: 2, orderBy: NUMBER_DESC) {
         pageInfo { hasNextPage endCursor } nodes { comments { nodes { body } } } } } } }""",
    # a row by id, one by name
    f'{{ ticket(id: "{row_id("t2")}") {{ subject requester {{ email }} }} }}',
    '{ customer(name: "Globex") { opportunities { nodes { amount { amount } } } } }',
    # a name that is near one; one that fits none
    '{ customer(name: "Globex Ltd") { id } }',
    '{ customer(name: "Nobody Here") { id } }',
    # nothing but counts, nothing but a page info
    "{ contacts { totalCount } customers { totalCount pageInfo { endCursor } } }",
    # keys that are those of other things, and one list twice
    """{ id: tickets(first: 3) { hiddenFields: nodes { customer: id id: customer { id: name } }
         nodes { hiddenFields: subject } } tickets { nodes: totalCount a: nodes { id } } }""",
]


@pytest.mark.parametrize("department", ["support", "sales"])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_honest_answer_is_confirmed_and_not_changed(
    world: World, question: str, department: str
) -> None:
    strict, caller = reading(world, 1), somebody(world, department)
    unconfirmed = await world.ask_bytes(caller, question)
    assert await strict.ask_bytes(caller, question) == unconfirmed
    assert strict.reader.disagreements == 0


@pytest.mark.parametrize(
    ("entity", "question", "rules"),
    [
        # r0 allows a region's rows, r1 denies legal ones; of t0 Casbin denies, of t3 none allows
        ("ticket", "{ tickets(first: 1, orderBy: NUMBER_ASC) { nodes { id } } }", "r1"),
        ("ticket", f'{{ ticket(id: "{row_id("t3")}") {{ subject }} }}', "r0"),
        # at the second and at the third level
        ("ticket", '{ customer(name: "Globex") { tickets { nodes { subject } } } }', "r1"),
        ("comment", "{ tickets { nodes { comments { nodes { body } } } } }", "r0"),
        # at the other end of a relation to one row
        ("account", "{ tickets(first: 50) { nodes { account { name } } } }", ""),
        # by its name; by one that is near it, so that only the title is shown
        ("customer", '{ customer(name: "Acme Foods") { name } }', "r0"),
        ("customer", '{ customer(name: "Acme Foods Ltd") { name } }', "r0"),
        # only the place of a row in the order is shown
        ("customer", "{ customers { pageInfo { endCursor } } }", "r0"),
    ],
)
async def test_a_row_that_casbin_hides_withholds_the_answer(
    world: World,
    caplog: pytest.LogCaptureFixture,
    entity: str,
    question: str,
    rules: str,
) -> None:
    caller = somebody(world, "sales")
    if entity == "account":
        # Nobody may see accounts: those of visible tickets are hidden all the same.
        policies = {k: v for k, v in world.snapshot.policies.policies.items() if k != "account"}
        honest = Snapshot(replace(world.snapshot.policies, policies=policies))
    else:
        honest = world.snapshot
    strict = reading(world, 1, Careless(honest, entity, rows=True))
    with caplog.at_level(logging.DEBUG, "semantic_layer"):
        assert is_withheld(await strict.ask(caller, question))
    assert strict.reader.disagreements == 1
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("semantic_layer")]
    assert all(f"SQL shows {entity} " in line or "more rows" in line for line in lines)
    assert f"policy {strict.snapshot.version[:12]}, rules {rules or 'none'})" in lines[0]
    assert not [value for value in VALUES if value in caplog.text]


@pytest.mark.parametrize(
    ("entity", "question", "fields", "rule"),
    [
        # a field that is hidden, also where it is not asked for
        ("ticket", "{ tickets { nodes { description } } }", "description, status", "m0"),
        ("ticket", f'{{ ticket(id: "{row_id("t2")}") {{ number }} }}', "description, status", "m0"),
        # one that is masked in part, below a row of another entity
        ("contact", "{ tickets { nodes { requester { email } } } }", "email", "m0"),
    ],
)
async def test_a_field_that_casbin_masks_withholds_the_answer(
    world: World,
    caplog: pytest.LogCaptureFixture,
    entity: str,
    question: str,
    fields: str,
    rule: str,
) -> None:
    strict = reading(world, 1, Careless(world.snapshot, entity, rows=False))
    assert is_withheld(await strict.ask(somebody(world, "sales"), question))
    line = caplog.records[0].getMessage()
    assert f"Casbin differs about the masks of {fields} (" in line
    assert line.endswith(f"rules {rule}): answer withheld")
    assert not [value for value in VALUES if value in caplog.text]


async def test_a_field_that_is_masked_in_another_way_withholds_the_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    strict = reading(world, 1, Lenient(world.snapshot.policies))
    question = "{ tickets { nodes { requester { email } } } }"
    assert is_withheld(await strict.ask(somebody(world, "sales"), question))
    assert "Casbin differs about the masks of email (" in caplog.text


async def test_a_share_of_the_reads_is_confirmed(world: World) -> None:
    careless = reading(world, 0.25, Careless(world.snapshot, "ticket", rows=True))
    caller, question = somebody(world, "support"), "{ tickets { nodes { number } } }"
    answers = [await careless.ask(caller, question) for _ in range(20)]
    drawn = draws()
    assert ["errors" in answer for answer in answers] == [drawn.random() < 0.25 for _ in answers]
    assert careless.reader.disagreements == sum("errors" in answer for answer in answers) > 0


async def test_what_had_to_be_fresh_is_always_confirmed(world: World) -> None:
    careless = reading(world, 0, Careless(world.snapshot, "ticket", rows=True))
    caller = somebody(world, "support")
    for question in (
        f'{{ ticket(id: "{row_id("t0")}"%s) {{ subject }} }}',
        '{ customer(name: "Globex") { tickets(first: 50%s) { nodes { subject } } } }',
    ):
        assert "errors" not in await careless.ask(caller, question % "")
        assert is_withheld(await careless.ask(caller, question % ", maxAge: 60"))
    assert careless.reader.disagreements == 2


async def test_a_read_that_is_not_confirmed_costs_no_query(world: World) -> None:
    caller, question = somebody(world, "sales"), "{ tickets { nodes { subject } } }"
    for share, expected in (
        (0, 1),  # the answer
        (1, 3),  # its outline, and what the policy reads of the tickets
    ):
        with counted(world) as statements:
            await reading(world, share).ask(caller, question)
        assert len(statements) == expected


async def test_a_row_that_changes_meanwhile_is_no_disagreement(empty_world: World) -> None:
    """The answer and what decides about its rows come from one state of the database."""
    furnish(empty_world)
    strict, caller = reading(empty_world, 1), somebody(empty_world, "support")
    question = f'{{ ticket(id: "{row_id("t2")}") {{ account {{ name }} }} }}'
    statements: list[str] = []

    def move(*args: Any) -> None:
        if "set_config" not in args[2]:
            statements.append(args[2])
            if len(statements) == 2:  # the answer and its outline are read, the facts are not
                empty_world.put("ticket", "t2", tags=["legal"], account_id=row_id("foods"))

    event.listen(empty_world.database.reader.sync_engine, "after_cursor_execute", move)
    answer = await strict.ask(caller, question)
    assert answer == {"data": {"ticket": {"account": {"name": "Globex"}}}}
    assert await strict.ask(caller, question) == {"data": {"ticket": None}}
    assert strict.reader.disagreements == 0


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_none_and_all(world: World, share: float) -> None:
    with pytest.raises(ConfigurationError, match="must be from 0"):
        reading(world, share)


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that are run meanwhile, but for those that begin a transaction."""
    statements: list[str] = []

    def note(*args: Any) -> None:
        if "set_config" not in args[2]:
            statements.append(args[2])

    engine = world.database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)

"""A preview says who gains and who loses what, and shows an approver nothing new."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, update

from access_policies import Principal, Snapshot, read_directory
from index.tables import identity_link
from tests.semantic_layer.preview_index import Index, Row, changes_of, reading
from tests.semantic_layer.world import NOW, TENANT, World, row_id

DEMO = Path(__file__).resolve().parents[2] / "examples/demo/policies"


@pytest.fixture(scope="module")
def index(world: World) -> Index:
    """The furnished world with a deleted ticket, which nobody gains or loses."""
    ticket = world.tables["ticket"]
    with world.database.writing() as connection:
        gone = update(ticket).where(ticket.c.id == row_id("t0"))
        connection.execute(gone.values(deleted_at=NOW - timedelta(days=1)))
        rows = {name: _rows_in_memory(connection, world, name) for name in world.model.entities}
    return Index(world.database.url, world.model, world.tables, TENANT, NOW, rows)


def _rows_in_memory(connection: Connection, world: World, entity: str) -> list[Row]:
    """The rows that are not deleted, each with its customer, which is all that the demo's rules
    look at."""
    table, customers = world.tables[entity], world.tables["customer"]
    regions = {
        member: {"region": region}
        for member, region in connection.execute(
            select(identity_link.c.member_id, customers.c.region).join(
                customers, customers.c.id == identity_link.c.customer_id
            )
        )
    }
    relation = world.model[entity].spec.relations.get("customer")
    alive = select(table).where(table.c.deleted_at.is_(None))
    rows = [dict(row) for row in connection.execute(alive).mappings()]
    return [
        {**row, "customer": regions.get(row[relation.column] if relation else None)} for row in rows
    ]


@pytest.fixture(scope="module")
def demo(index: Index) -> Snapshot:
    return index.snapshot(read_directory(DEMO))


@pytest.fixture(scope="module")
def changed(index: Index) -> Snapshot:
    """The demo's policies after a day of a data owner's work."""
    documents = dict(read_directory(DEMO))
    for name, before, after in [
        # Important tickets of all regions: meant for support and sales, but `or` binds less than
        # the `and` before it, so that everybody gains them.
        ("ticket.yaml", "in user.regions", 'in user.regions or "vip" in ticket.tags'),
        # Support does not see closed tickets any more: rows are lost.
        ("ticket.yaml", '"security" in ticket.tags and user.department == "sales"',
         'ticket.status == "CLOSED" and user.department == "support"'),
        # Descriptions are hidden from support instead of sales: masked here, unmasked there.
        ("ticket.yaml", 'when: user.department == "sales"', 'when: user.department == "support"'),
        # Personal data is masked in another way.
        ("contact.yaml", "mask: partial", "mask: redact"),
        # A rule that says the same in other words is no change.
        ("account.yaml", "because: What a system holds", "because: Whatever a system holds"),
        # A change for a department that nobody is in affects nobody.
        ("user.yaml", '["support", "sales"]', '["support", "sales", "board"]'),
    ]:  # fmt: skip
        assert before in documents[name], f"{name} does not say {before!r} any more"
        documents[name] = documents[name].replace(before, after)
    del documents["opportunity.yaml"]
    return index.snapshot(documents)


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Principal]:
    maya = world.principal("maya", department="support", regions=["EMEA"])
    return {
        "maya": maya,
        "mia": world.principal("mia", department="support", regions=["EMEA"]),
        "omar": world.principal("omar", department="sales", regions=["EMEA"]),
        "newcomer": world.principal("newcomer"),
        "maya with a bot": replace(maya, agent="bot"),
        "bot": replace(maya, user=None, agent="bot", user_attributes={}),
        "maya with a narrow token": replace(maya, scopes=frozenset({"read:contact"})),
    }


def test_the_demo_is_counted_as_casbin_decides(
    index: Index, demo: Snapshot, changed: Snapshot, people: Mapping[str, Principal]
) -> None:
    principals = list(people.values())
    expected = {
        (entity, principal): index.one_by_one(entity, demo, changed, principal)
        for entity in index.model.entities
        for principal in principals
    }
    with reading(index.url, TENANT) as connection:
        found = index.preview(connection, demo, changed, principals)
    assert changes_of(found) == {key: change for key, change in expected.items() if change}

    assert [each.entity for each in found.entities] == ["contact", "opportunity", "ticket", "user"]
    assert found.people == {"maya", "mia", "newcomer", "omar"}
    assert found.agents_alone == set()
    tickets = found.entities[2]
    assert tickets.rows == 35
    # The bot on its own and the narrow token see nothing before and after; of the others, maya, mia
    # and maya with a bot see the same.
    assert tickets.groups == 3
    assert tickets.gained == sum(
        change.gained for (entity, _), change in expected.items() if entity == "ticket"
    )


def test_before_the_first_version_everything_is_gained(
    index: Index, demo: Snapshot, people: Mapping[str, Principal]
) -> None:
    maya = people["maya"]
    with reading(index.url, TENANT) as connection:
        found = index.preview(connection, None, demo, [maya, maya], approver=maya)
    assert found.principals == 1
    assert changes_of(found)["ticket", maya] == index.one_by_one("ticket", None, demo, maya)
    assert found.lost == 0
    assert not any(each.gained_samples or each.lost_samples for each in found.entities)


def test_an_agent_on_its_own_is_counted(
    index: Index, demo: Snapshot, people: Mapping[str, Principal]
) -> None:
    documents = dict(read_directory(DEMO))
    documents["contact.yaml"] = documents["contact.yaml"].replace(
        "masks:", "  - {id: bots, effect: allow, for: agent_alone, when: 'true'}\nmasks:"
    )
    new = index.snapshot(documents)
    with reading(index.url, TENANT) as connection:
        found = index.preview(connection, demo, new, list(people.values()))
    assert found.people == set()
    assert found.agents_alone == {"bot"}
    assert found.gained == len(index.rows["contact"])
    assert found.lines()[0] == "1 agent on its own would see something else (7 callers looked at)."


def test_samples_are_rows_that_the_approver_sees_already(
    index: Index, world: World, demo: Snapshot, changed: Snapshot, people: Mapping[str, Principal]
) -> None:
    """Omar gains tickets of AMER, which Lena of AMER may read and Maya of EMEA may not."""
    maya, omar = people["maya"], people["omar"]
    lena = world.principal("lena", department="support", regions=["AMER"])
    ids: dict[Principal | None, tuple[list[UUID], list[UUID]]] = {}
    with reading(index.url, TENANT) as connection:
        for approver, most in ((maya, 100), (lena, 3), (None, 100)):
            found = index.preview(
                connection, demo, changed, [maya, omar], approver=approver, samples=most
            )
            tickets = next(each for each in found.entities if each.entity == "ticket")
            ids[approver] = (
                [each.id for each in tickets.gained_samples],
                [each.id for each in tickets.lost_samples],
            )
            subjects = {row["id"]: row["subject"] for row in index.rows["ticket"]}
            for sample in (*tickets.gained_samples, *tickets.lost_samples):
                assert sample.title == subjects[sample.id]

    def expected(approver: Principal, one: Snapshot, other: Snapshot) -> list[UUID]:
        return sorted(
            row["id"]
            for row in index.rows["ticket"]
            if demo.decide(approver, "ticket", row, NOW)
            and any(
                one.decide(each, "ticket", row, NOW) and not other.decide(each, "ticket", row, NOW)
                for each in (maya, omar)
            )
        )

    assert ids[maya] == (expected(maya, changed, demo), expected(maya, demo, changed))
    assert ids[maya][1]
    assert ids[lena] == (expected(lena, changed, demo)[:3], [])
    assert len(ids[lena][0]) == 3
    assert ids[None] == ([], [])


def test_a_title_that_the_approver_reads_masked_is_no_sample(
    index: Index, world: World, people: Mapping[str, Principal]
) -> None:
    policy = "entity: ticket\nrules: [{id: all, effect: allow, when: 'true'}]\n"
    hidden = (
        "masks: [{id: m, fields: [subject], mask: partial, when: 'ticket.priority == \"LOW\"'}]\n"
    )
    old, new = index.snapshot({"ticket.yaml": policy + hidden}), index.snapshot({})
    with reading(index.url, TENANT) as connection:
        found = index.preview(
            connection, old, new, [people["maya"]], approver=people["omar"], samples=100
        )
    low_or_unknown = {r["id"] for r in index.rows["ticket"] if r["priority"] in ("LOW", None)}
    everything = {row["id"] for row in index.rows["ticket"]}
    assert {each.id for each in found.entities[0].lost_samples} == everything - low_or_unknown


def test_the_words_are_an_owners(
    index: Index, demo: Snapshot, changed: Snapshot, people: Mapping[str, Principal]
) -> None:
    with reading(index.url, TENANT) as connection:
        found = index.preview(
            connection, demo, changed, list(people.values()), approver=people["maya"], samples=2
        )
    assert found.lines() == [
        "4 people would see something else (7 callers looked at).",
        "Counted once for each caller: 58 rows gained, 21 lost.",
        "",
        "Contacts (36 rows)",
        "  email is now masked in another way on 27 rows for 1 caller: omar 27",
        "  phone is now masked in another way on 27 rows for 1 caller: omar 27",
        "",
        "Opportunities (3 rows)",
        "  3 rows lost by 1 caller: omar 3",
        "",
        "Tickets (35 rows)",
        "  58 rows gained by 5 callers: newcomer 26, maya 8, maya with bot 8, mia 8, omar 8",
        "    such as “Subject 0”, “Subject 4”",
        "  18 rows lost by 3 callers: maya 6, maya with bot 6, mia 6",
        "    such as “Subject 0”, “Subject 3”",
        "  description is now shown in the clear on 24 rows for 1 caller: omar 24",
        "  description is now masked on 54 rows for 3 callers: maya 18, maya with bot 18, mia 18",
        "",
        "Users (0 rows)",
        "  nobody is affected",
    ]


def test_the_evidence_is_json_without_values(
    index: Index, demo: Snapshot, changed: Snapshot, people: Mapping[str, Principal]
) -> None:
    with reading(index.url, TENANT) as connection:
        found = index.preview(
            connection, demo, changed, list(people.values()), approver=people["omar"]
        )
    evidence = json.loads(json.dumps(found.as_evidence()))
    assert found.entities[2].gained_samples
    assert not any(row["subject"] in str(evidence) for row in index.rows["ticket"])
    tickets = evidence["entities"]["ticket"]
    assert (evidence["people"], evidence["gained"], evidence["lost"]) == (4, 58, 21)
    assert tickets["gainers"][0] == {
        "user": "newcomer", "agent": None, "purpose": None, "gained": 26, "lost": 0
    }  # fmt: skip
    assert tickets["fields"]["description"] == {"unmasked": 24, "masked": 54, "changed": 0}
    assert tickets["samples"]["gained"] == [
        str(each.id) for each in found.entities[2].gained_samples
    ]


@pytest.mark.anyio
async def test_it_runs_on_a_reading_transaction_and_tells_how_far_it_is(
    index: Index, world: World, demo: Snapshot, changed: Snapshot, people: Mapping[str, Principal]
) -> None:
    principals, ticks = list(people.values()), list[tuple[int, int]]()
    with reading(index.url, TENANT) as connection:
        expected = index.preview(connection, demo, changed, principals)
    async with world.database.reading(TENANT) as connection:
        found = await connection.run_sync(
            index.preview, demo, changed, principals, progress=lambda *tick: ticks.append(tick)
        )
    assert found == expected
    # Contacts, opportunities and tickets; nobody sees other users than before.
    assert ticks == [(36, 74), (39, 74), (74, 74)]


def test_nothing_changed_is_said(
    index: Index, demo: Snapshot, people: Mapping[str, Principal]
) -> None:
    ticks: list[tuple[int, int]] = []
    with reading(index.url, TENANT) as connection:
        found = index.preview(
            connection, demo, demo, list(people.values()), progress=lambda *tick: ticks.append(tick)
        )
    assert found.lines() == ["Nobody gains or loses anything (7 callers looked at)."]
    assert found.entities == ()
    assert ticks == []

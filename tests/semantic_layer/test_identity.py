"""Which accounts are one customer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text, update

from index.tables import identity_link
from semantic_layer import resolve_customers
from tests.semantic_layer.world import NOW, World, row_id

PATIENCE = 60


def _customers(world: World) -> list[set[str]]:
    """The groups of accounts, by the accounts' names."""
    names = {row_id(f"a{n}"): f"a{n}" for n in range(10)}
    with world.database.writing() as connection:
        rows = connection.execute(
            select(identity_link.c.customer_id, identity_link.c.member_id)
        ).all()
    groups: dict[Any, set[str]] = {}
    for customer, member in rows:
        groups.setdefault(customer, set()).add(names[member])
    return sorted(groups.values(), key=sorted)


@pytest.mark.parametrize(
    ("accounts", "groups"),
    [
        # a shared company domain
        ([{"domains": ["x.example"]}, {"domains": ["y.example", "x.example"]}], [{"a0", "a1"}]),
        # a shared external id
        ([{"external_ids": ["crm:1"]}, {"external_ids": ["crm:1"]}], [{"a0", "a1"}]),
        # an id of one system is no id of another
        ([{"external_ids": ["crm:1"]}, {"external_ids": ["erp:1"]}], [{"a0"}, {"a1"}]),
        # free mail is evidence of nothing
        ([{"domains": ["gmail.com"]}, {"domains": ["gmail.com"]}], [{"a0"}, {"a1"}]),
        # nor is the same name
        ([{"name": "Acme"}, {"name": "Acme"}], [{"a0"}, {"a1"}]),
        # a chain
        (
            [{"domains": ["x.example"]}, {"domains": ["x.example"], "external_ids": ["crm:1"]},
             {"external_ids": ["crm:1"]}],
            [{"a0", "a1", "a2"}],
        ),
        # a deleted account links nothing
        (
            [{"domains": ["x.example"]},
             {"domains": ["x.example", "y.example"], "deleted_at": NOW},
             {"domains": ["y.example"]}],
            [{"a0"}, {"a2"}],
        ),
    ],
)  # fmt: skip
def test_evidence(
    empty_world: World, accounts: list[dict[str, Any]], groups: list[set[str]]
) -> None:
    for number, values in enumerate(accounts):
        empty_world.put("account", f"a{number}", **values)
    empty_world.resolve()
    assert _customers(empty_world) == groups


def test_the_most_trusted_system_speaks_first_and_evidence_is_kept(empty_world: World) -> None:
    from index.writer import register_source

    world = empty_world
    with world.database.writing() as connection:
        register_source(connection, world.tenant, "crm", "salesforce")
    world.put("account", "a0", name="ACME Corp.", region="emea?", tier="Gold",
              domains=["acme.example"], created_at=NOW - timedelta(days=9))  # fmt: skip
    world.put("account", "a1", name="Acme Corporation", region="EMEA", source="crm",
              domains=["acme.example", "acme.test"], created_at=NOW)  # fmt: skip
    world.resolve()
    with world.database.writing() as connection:
        [customer] = connection.execute(select(world.tables["customer"])).mappings().all()
        evidence = connection.execute(select(identity_link.c.evidence)).scalars().all()
    assert (customer["name"], customer["region"], customer["tier"]) == (
        "Acme Corporation",
        "EMEA",
        "Gold",
    )
    assert customer["domains"] == ["acme.example", "acme.test"]
    assert evidence == [[{"rule": "domain", "value": "acme.example"}]] * 2


def test_two_at_once_that_do_not_see_each_other_find_the_same_customer(empty_world: World) -> None:
    world = empty_world
    for name in ("a0", "a1"):
        world.put("account", name)
    world.resolve()

    def join(connection: Connection, name: str) -> None:
        account = world.tables["account"]
        mine = update(account).where(account.c.id == row_id(name))
        connection.execute(mine.values(domains=["x.example"]))
        resolve_customers(connection, world.tables, world.model, world.tenant, [row_id(name)])

    def second() -> None:
        with world.database.writing() as connection:
            join(connection, "a1")

    with ThreadPoolExecutor() as threads:
        with world.database.writing() as connection:
            join(connection, "a0")
            other = threads.submit(second)
            while (
                connection.execute(text("SELECT FROM pg_locks WHERE NOT granted")).first() is None
            ):
                assert not other.done()
        other.result(PATIENCE)
    assert _customers(world) == [{"a0", "a1"}]


_DOMAINS = st.lists(st.sampled_from(["a.example", "b.example", "c.example", "web.de"]), max_size=2)
_IDS = st.lists(st.sampled_from(["crm:1", "crm:2"]), max_size=1)
_ACCOUNT = st.fixed_dictionaries(
    {"domains": _DOMAINS, "external_ids": _IDS, "deleted_at": st.sampled_from([None, None, NOW])}
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=st.lists(_ACCOUNT, min_size=2, max_size=6), data=st.data())
def test_looking_only_at_what_changed_gives_what_looking_at_everything_gives(
    empty_world: World, before: list[dict[str, Any]], data: st.DataObject
) -> None:
    world = empty_world
    for number in range(6):
        values = before[number] if number < len(before) else {"deleted_at": NOW}
        world.put("account", f"a{number}", **values)
    world.resolve()
    changed = data.draw(st.sets(st.integers(0, len(before) - 1), min_size=1))
    for number in changed:
        world.put("account", f"a{number}", **data.draw(_ACCOUNT))
    with world.database.writing() as connection:
        ids = [row_id(f"a{number}") for number in changed]
        resolve_customers(connection, world.tables, world.model, world.tenant, ids)
    looking_at_what_changed = _everything(world)
    world.resolve()
    assert looking_at_what_changed == _everything(world)


def _everything(world: World) -> tuple[Any, Any]:
    links = select(identity_link.c.member_id, identity_link.c.customer_id, identity_link.c.evidence)
    customers = select(world.tables["customer"])
    with world.database.writing() as connection:
        return (
            sorted(map(str, connection.execute(links))),
            sorted(map(str, connection.execute(customers))),
        )

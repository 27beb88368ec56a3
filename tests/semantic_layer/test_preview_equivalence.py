"""Of random policies, a preview counts what Casbin decides of every principal and every row.

REMIT_PROPERTY_EXAMPLES sets how many pairs of policies are tried.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access_policies import Principal
from index.entity_tables import EntityTables
from index.migrations import migrate
from index.schema_plan import apply
from index.specs import EntitySpec
from semantic_layer import Entity, Model, caller_groups, row_truths
from tests.access_policies import strategies
from tests.conftest import connected, fresh_database
from tests.index.predicate import hostile
from tests.semantic_layer.preview_index import Index, Row, changes_of, reading

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "60"))


@pytest.fixture(scope="module")
def hostile_index(cluster: str) -> Iterator[Index]:
    """The hostile rows in real entity tables."""
    tables = EntityTables(hostile.SPECS)
    with fresh_database(cluster, "template1") as url, connected(url) as database:
        with database.writing() as connection:
            migrate(connection)
            apply(connection, tables)
            for entity, rows in _stored().items():
                connection.execute(tables[entity].insert(), rows)
        entities = {name: _entity(spec) for name, spec in hostile.SPECS.items()}
        model = Model(entities=entities, callers=strategies.CALLERS)
        yield Index(url, model, tables, "acme", hostile.NOW, {"ticket": hostile.TICKETS})


def test_random_policies_are_counted_as_casbin_decides(
    hostile_index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = hostile_index
    # Several batches and several passes, although there are few rows and few comparisons.
    monkeypatch.setattr(row_truths, "_MOST_ROWS", 50)
    monkeypatch.setattr(caller_groups, "_MOST_COMPARISONS", 20)
    cases = Counter[str]()

    with reading(index.url, index.tenant) as connection:

        @settings(
            max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(
            before=strategies.policies(),
            after=strategies.policies(),
            principals=st.lists(strategies.principals(), min_size=1, max_size=4),
        )
        def agree(
            before: list[tuple[str, str]], after: list[tuple[str, str]], principals: list[Principal]
        ) -> None:
            old, new = index.snapshot(dict(before)), index.snapshot(dict(after))
            expected = {each: index.one_by_one("ticket", old, new, each) for each in principals}
            found = index.preview(connection, old, new, principals)
            assert changes_of(found) == {
                ("ticket", principal): change for principal, change in expected.items() if change
            }
            cases["all"] += 1
            cases["gained"] += found.gained > 0
            cases["lost"] += found.lost > 0
            cases["fields"] += any(change.fields for change in expected.values())

        agree()
    telling = min(cases["gained"], cases["lost"], cases["fields"])
    assert telling >= 0.1 * cases["all"], f"too many policies change nothing: {cases}"


def _entity(spec: EntitySpec) -> Entity:
    title = next(iter(spec.fields))
    return Entity(
        spec=spec,
        plural=f"{spec.name}s",
        description="",
        synonyms=(),
        title=title,
        order=(title,),
        brief=(title,),
    )


def _stored() -> dict[str, list[dict[str, Any]]]:
    """The hostile rows as their tables hold them, found from the tickets on."""
    stored: dict[str, list[dict[str, Any]]] = {name: [] for name in hostile.SPECS}
    ids: dict[int, UUID] = {}

    def store(spec: EntitySpec, row: Row | None, **keys: UUID) -> UUID | None:
        if row is None or id(row) in ids:
            return None if row is None else ids[id(row)]
        key = ids[id(row)] = uuid4()
        values = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in row.items()
            if name in spec.fields
        }
        for relation in spec.relations.values():
            target = hostile.SPECS[relation.target]
            if relation.kind == "one":
                values[relation.column] = store(target, row[relation.name])
            else:
                for below in row[relation.name]:
                    store(target, below, **{relation.column: key})
        stored[spec.name].append({**_envelope(spec.name, key), **values, **keys})
        return key

    for ticket in hostile.TICKETS:
        store(hostile.TICKET, ticket)
    return stored


def _envelope(entity: str, key: UUID) -> dict[str, Any]:
    return {
        "tenant_id": "acme",
        "id": key,
        "source": "desk",
        "stream": entity,
        "remote_id": str(key),
        "synced_at": hostile.NOW,
    }

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from index.database import Database
from index.entity_tables import EntityTables
from semantic_layer import Model, load_model
from semantic_layer.reader import Reader
from semantic_layer.schema import build_schema
from tests.conftest import connected, fresh_database
from tests.semantic_layer.world import POLICIES, World, furnish, load_snapshot, write_policies


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model()


@pytest.fixture
def empty_world(database: Database, model: Model, tmp_path: Path) -> World:
    """The shipped model and the test policies over an index without rows."""
    return _world(database, model, tmp_path)


@pytest.fixture(scope="module")
def world(
    cluster: str, template: str, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The furnished world, shared by the tests of a module: they must not write to it."""
    with fresh_database(cluster, template) as url, connected(url) as database:
        world = _world(database, model, tmp_path_factory.mktemp("world"))
        furnish(world)
        yield world


def _world(database: Database, model: Model, directory: Path) -> World:
    tables = EntityTables(model.specs)
    return World(
        database=database,
        model=model,
        tables=tables,
        schema=build_schema(model),
        snapshot=load_snapshot(write_policies(directory / "policies", POLICIES), model),
        reader=Reader(database, model, tables),
    )

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from index.entity_tables import EntityTables
from semantic_layer import Model, load_model
from tests.conftest import connected, fresh_database
from tests.leaks.checker import Pair
from tests.leaks.company import fill
from tests.leaks.installation import installation

OpenPair = Callable[[], AbstractContextManager[Pair]]


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="session")
def clones(cluster: str, template: str, model: Model) -> Iterator[tuple[str, str]]:
    """The URLs of two databases with the same rows of every entity."""
    with fresh_database(cluster, template) as one:
        with connected(one) as database, database.writing() as connection:
            fill(connection, model.specs, EntityTables(model.specs))
        with fresh_database(cluster, str(make_url(one).database)) as other:
            yield one, other


@pytest.fixture(scope="session")
def open_pair(clones: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> OpenPair:
    """Opens services over the two databases that nobody has used before: no cache is filled."""

    @contextmanager
    def open_them() -> Iterator[Pair]:
        home: Path = tmp_path_factory.mktemp("pair")
        one, other = clones
        with (
            installation(home / "one", one) as first,
            installation(home / "other", other) as second,
        ):
            yield Pair(first, second)

    return open_them


@pytest.fixture(scope="session")
def pair(open_pair: OpenPair) -> Iterator[Pair]:
    with open_pair() as pair:
        # Thousands of statements are made, and what was there before is no garbage: not to look it
        # through each time saves a quarter of the time.
        gc.collect()
        gc.freeze()
        yield pair
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # again, for the tests that follow

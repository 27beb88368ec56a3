from __future__ import annotations

from collections.abc import Iterator

import pytest

from index.database import Database
from semantic_layer import Model
from tests.ingestion.sync.desk.desk import Desk, DeskIndex, filled_desk, serving
from tests.ingestion.sync.forked import Forks


@pytest.fixture(scope="module")
def mortal() -> Iterator[Forks]:
    """Begins syncs that can be killed; the orders are those of sync_and_die.py."""
    with Forks(module="tests.ingestion.sync.sync_and_die") as forks:
        yield forks


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A help desk of 60 people: more than a page."""
    with serving(filled_desk(60)) as desk:
        yield desk


@pytest.fixture
def desk_index(database: Database, model: Model, desk: Desk) -> DeskIndex:
    """An empty index of it."""
    return DeskIndex(database, model, desk)

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.simulator import Company, Simulator, build_company
from semantic_layer import Model, load_model
from tests.conftest import connected, fresh_database
from tests.ingestion.index_under_test import PAGE, VENDORS, Index, first_synced


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="session")
def company() -> Company:
    return build_company(scale=0.05)


@pytest.fixture(scope="session")
def vendors() -> Sequence[str]:
    """Whom the simulator serves; a folder of tests may have others."""
    return VENDORS


@pytest.fixture
def simulator(company: Company, vendors: Sequence[str]) -> Iterator[Simulator]:
    """The vendors; what a test changes there is gone after it."""
    with Simulator(company, page_limit=PAGE, vendors=vendors) as simulator:
        yield simulator


@pytest.fixture
def index(database: Database, model: Model, simulator: Simulator) -> Index:
    """An empty index."""
    return Index(database, model, EntityTables(model.specs), simulator)


@pytest.fixture(scope="session")
def synced_template(
    cluster: str, template: str, model: Model, company: Company, vendors: Sequence[str]
) -> Iterator[str]:
    """The name of a database after a first sync of all vendors."""
    with first_synced(cluster, template, model, company, vendors) as name:
        yield name


@pytest.fixture
def synced(
    cluster: str, synced_template: str, model: Model, simulator: Simulator
) -> Iterator[Index]:
    """An index after a first sync."""
    with fresh_database(cluster, synced_template) as url, connected(url) as database:
        yield Index(database, model, EntityTables(model.specs), simulator)


@pytest.fixture(scope="module")
def filled(
    cluster: str, synced_template: str, model: Model, company: Company, vendors: Sequence[str]
) -> Iterator[Index]:
    """The same, for tests of a module that only look at it."""
    with (
        fresh_database(cluster, synced_template) as url,
        connected(url) as database,
        Simulator(company, page_limit=PAGE, vendors=vendors) as simulator,
    ):
        yield Index(database, model, EntityTables(model.specs), simulator)

"""One installation for tests that only look, and a fresh one for each test that changes one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from api.cli.sync import sync_all
from api.directory import Directory, load_directory, save_directory
from api.installation import open_model
from api.ready_sources import open_sources
from api.services import Services
from api.settings import Settings
from index.database import Database
from ingestion.simulator import Company, Simulator, build_company
from tests.api.forked_commands import ForkedCommands
from tests.api.office import Office, founded, opened
from tests.api.site import EXAMPLES, Site, running, settings_for
from tests.conftest import fresh_database

_SCALE = 0.05


@pytest.fixture(scope="session")
def company() -> Company:
    return build_company(scale=_SCALE)


@pytest.fixture(scope="session")
def synced(
    cluster: str, template: str, company: Company, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database that holds all of the company, to be cloned."""
    with fresh_database(cluster, template) as url, Simulator(company) as simulator:
        home = tmp_path_factory.mktemp("synced")
        fill(settings_for(home, url, simulator))
        yield str(make_url(url).database)


def fill(settings: Settings) -> None:
    """Sync all sources, and load the sample users and Ana, who works in two regions."""
    assert settings.database_url is not None
    database = Database(settings.database_url.get_secret_value())
    model = open_model(settings)
    reports = sync_all(settings, database, model, open_sources(settings, database, model))
    assert all(report.complete for report in reports)
    people = load_directory(EXAMPLES / "directory.yaml", model.callers)
    more = Directory(
        users={"ana": {"department": "support", "regions": ["EMEA", "AMER"]}}, agents={}
    )
    with database.writing() as connection:
        save_directory(connection, settings.tenant, people)
        save_directory(connection, settings.tenant, more)
    database.writer.dispose()


@pytest.fixture(scope="session")
def site(
    cluster: str, synced: str, company: Company, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """An installation that nobody changes."""
    home = tmp_path_factory.mktemp("site")
    with (
        fresh_database(cluster, synced) as url,
        Simulator(company) as simulator,
        running(settings_for(home, url, simulator), simulator) as site,
    ):
        yield site


@pytest.fixture
def own_site(cluster: str, synced: str, company: Company, tmp_path: Path) -> Iterator[Site]:
    """An installation of the test's own."""
    with (
        fresh_database(cluster, synced) as url,
        Simulator(company) as simulator,
        running(settings_for(tmp_path, url, simulator), simulator) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def commands() -> Iterator[ForkedCommands]:
    """Runs commands in processes that need not begin with seconds of imports."""
    with ForkedCommands() as commands:
        yield commands


@pytest.fixture(scope="session")
def office_services(
    cluster: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Services over a database without data, for work on policies alone."""
    with (
        fresh_database(cluster, template) as url,
        opened(url, tmp_path_factory.mktemp("office")) as services,
    ):
        yield services


@pytest.fixture
def office(office_services: Services) -> Office:
    """A tenant that has published nothing."""
    return founded(office_services)

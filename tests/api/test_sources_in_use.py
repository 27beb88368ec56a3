"""A service follows changes of the sources without being started again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from api.services import Services, open_services
from api.settings import Settings
from index.database import Database
from ingestion.workspace.definitions import define, retire
from ingestion.workspace.workspace_file import read_entry
from tests.api.processes import wait_until
from tests.api.site import EXAMPLES

TENANT = "main"
_MAPPING = "streams: {people: {key: id, entities: [{entity: contact, fields: {name: %s}}]}}"


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Services:
    settings = Settings(
        home=tmp_path,
        tenant=TENANT,
        database_url=database.url,  # type: ignore[arg-type]
        policies=EXAMPLES / "policies",
        sources=tmp_path / "sources.yaml",
    )
    (tmp_path / "sources.yaml").write_text("sources: {}")
    return open_services(settings, database, serving=False)


def _hosts(services: Services) -> Mapping[str, object]:
    return {source.name: source.settings.get("base_url") for source in services.sources()}


def _are(services: Services, expected: Mapping[str, object]) -> bool:
    return _hosts(services) == expected


def _zendesk(host: str) -> dict[str, object]:
    settings = {"base_url": f"https://{host}", "email": "a@b.example", "api_token": "secret"}
    return {"connector": "zendesk", "settings": settings}


def test_what_is_applied_is_followed_and_what_stays_is_not_made_anew(
    services: Services, database: Database
) -> None:
    assert _hosts(services) == {}
    for host in ("one.zendesk.com", "two.zendesk.com"):
        with database.writing() as connection:
            define(connection, TENANT, "desk", read_entry("desk", _zendesk(host)))
        expected = {"desk": f"https://{host}"}
        wait_until(partial(_are, services, expected), host)
    (before,) = services.sources()
    assert services.sources() == (before,)
    assert {feed.source for feed in services.sources.feeds()} == {"desk"}
    with database.writing() as connection:
        retire(connection, TENANT, "desk")
    wait_until(lambda: _hosts(services) == {}, "the end of it")


def test_files_are_followed_and_a_bad_one_leaves_what_was(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mapping, sources = tmp_path / "mapping.yaml", tmp_path / "sources.yaml"
    mapping.write_text(_MAPPING % "name")
    sources.write_text('sources: {own: {command: ["true"], mapping: mapping.yaml}}')
    wait_until(lambda: "own" in _hosts(services), "the source")
    (before,) = services.sources()
    mapping.write_text(_MAPPING % "full_name")
    wait_until(lambda: services.sources() != (before,), "the mapping")
    (after,) = services.sources()
    sources.write_text("sources: [")
    wait_until(
        lambda: services.sources() == (after,) and "of before" in caplog.text, "a word of it"
    )

"""Which sources are in force, and that their secrets are fetched when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from index.database import Database
from index.errors import ConfigurationError
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.workspace.definitions import define, held_sources, pause, retire
from ingestion.workspace.format import SourceEntry
from ingestion.workspace.in_force import SourcesInForce, sources_in_force
from ingestion.workspace.sealing import Seal
from ingestion.workspace.secret_table import set_secret
from ingestion.workspace.source_config import SourceConfig
from ingestion.workspace.workspace_file import read_entry
from semantic_layer import Model

SEAL = Seal([b"one-key-that-is-long-enough-to-be-taken-as-one"])
CANARY = "c4nary-in-the-coal-mine"


def _entry(**settings: Any) -> SourceEntry:
    return read_entry("a", {"connector": "zendesk", "settings": settings})


def _file(folder: Path, content: str) -> Path:
    path = folder / "sources.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def _found(database: Database, file: Path | None = None, tenant: str = "main") -> SourcesInForce:
    with database.writing() as connection:
        return sources_in_force(connection, tenant, home=Path("home"), file=file, seal=SEAL)


def test_what_the_database_defines_comes_before_the_file(
    database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        define(connection, "main", "both", _entry(email="database"))
        define(connection, "main", "applied", _entry(email="database"))
        define(connection, "elsewhere", "other", _entry(email="database"))
    source = "{connector: zendesk, settings: {email: file}}"
    file = _file(tmp_path, f"sources:\n  both: {source}\n  filed: {source}\n")
    found = _found(database, file)
    assert {name: entry.settings["email"] for name, entry in found.entries.items()} == {
        "both": "database",
        "applied": "database",
        "filed": "file",
    }
    assert found.hidden == {"both"}
    with database.writing() as connection:
        retire(connection, "main", "both")
    assert _found(database, file).entries["both"].settings["email"] == "file"
    assert _found(database).entries.keys() == {"applied"}


def test_secrets_are_fetched_when_a_source_is_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as connection:
        set_secret(connection, SEAL, "main", "a.token", CANARY)
        define(connection, "main", "a", _entry(email="env:EMAIL", api_token="sealed:a.token"))
    found = _found(database)
    assert CANARY not in repr(found)
    with pytest.raises(ConfigurationError, match=r"source 'a', setting 'email'.*EMAIL"):
        found.config("a")
    for email in ("one", "two"):
        monkeypatch.setenv("EMAIL", email)
        config = found.config("a")
        assert config.settings == {"email": email, "api_token": CANARY}
        assert CANARY not in repr(config)
        assert config.home == Path("home")
    with database.writing() as connection:
        stored = connection.execute(text("SELECT definition::text FROM remit.source")).scalar_one()
    assert CANARY not in stored
    assert "sealed:a.token" in stored


def test_a_source_that_is_not_there_is_told_with_those_that_are(database: Database) -> None:
    with database.writing() as connection:
        define(connection, "main", "zendesk-emea", _entry())
    with pytest.raises(ConfigurationError, match=r"'zendesk'.*configured: zendesk-emea"):
        _found(database).config("zendesk")


def test_a_database_that_was_never_migrated_has_none(cluster: str, tmp_path: Path) -> None:
    database = Database(cluster)
    file = _file(tmp_path, "sources: {a: {connector: zendesk}}")
    try:
        assert _found(database, file).entries.keys() == {"a"}
    finally:
        database.writer.dispose()


def test_a_definition_of_a_later_version_is_refused_by_name(database: Database) -> None:
    with database.writing() as connection:
        define(connection, "main", "a", _entry(api_token="env:X"))
        connection.execute(
            text('UPDATE remit.source SET definition = definition || \'{"future": "x"}\'')
        )
    with pytest.raises(ConfigurationError, match=r"'a'.*version"):
        _found(database)


def test_a_source_is_paused_once(database: Database) -> None:
    with database.writing() as connection:
        define(connection, "main", "a", _entry())
        assert pause(connection, "main", "a", paused=True)
        assert not pause(connection, "main", "a", paused=True)
        define(connection, "main", "a", _entry(email="changed"))
        assert held_sources(connection, "main")["a"].paused_at is not None
        assert pause(connection, "main", "a", paused=False)
        assert not pause(connection, "main", "a", paused=False)


SETTINGS = [
    # settings, what the error says
    ({"base_url": "https://x.example", "email": "a@b.example"}, "api_token is missing"),
    (
        {"base_url": "https://x.example", "email": "a", "api_token": "s3cret", "token": 1},
        "token is",
    ),
    ({"base_url": "https://x.example", "email": "a", "api_token": 12345678}, "api_token must have"),
]


@pytest.mark.parametrize(("settings", "said"), SETTINGS)
def test_settings_are_checked_by_the_connectors_own_specification(
    model: Model, settings: dict[str, object], said: str
) -> None:
    origin = Origin(connector="zendesk")
    with pytest.raises(ConfigurationError, match=said) as refused:
        Source(SourceConfig("zendesk-emea", "zendesk", settings, origin=origin), model.specs)
    assert "zendesk-emea" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "12345678" not in str(refused.value)


def test_unknown_connector(model: Model) -> None:
    with pytest.raises(ConfigurationError, match=r"there are .*stripe, zendesk"):
        Source(SourceConfig("a", "fax", {}, origin=Origin(connector="fax")), model.specs)

"""Connectors that others made, installed from their registry and read into Postgres.

Installing the three takes one to five minutes, so all that needs them stands in this one file; with
REMIT_TEST_CONNECTORS they are kept in a folder. When a package cannot be had, these tests fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.airbyte.installed import install, installed_command
from ingestion.airbyte.origin import Origin
from ingestion.mapping.proposal import propose_mapping
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

FAKER = "airbyte-source-faker"
HARDCODED = "airbyte-source-hardcoded-records"
SMOKE = "airbyte-source-smoke-test"
TENANT = "northbeam"

ODD = 'select. from; "odd" / näme'

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where the connectors are installed; more than a gigabyte, so it does not stay unasked."""
    if kept := os.environ.get("REMIT_TEST_CONNECTORS"):
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="remit-test-home-") as folder:
        yield Path(folder)


def _install(package: str, version: str, home: Path) -> tuple[str, ...]:
    try:
        return installed_command(package, version, home)
    except ConfigurationError:
        install(package, version, home)
        return installed_command(package, version, home)


def _source(
    model: Model, home: Path, package: str, settings: Mapping[str, Any], **more: Any
) -> Source:
    mapping = more.pop("mapping", None)
    origin = Origin(package=package, mapping=mapping)
    config = SourceConfig("any", origin.name, settings, origin=origin, home=home, **more)
    return Source(config, model.specs)


def _sync(database: Database, model: Model, source: Source) -> SyncReport:
    return sync_source(database, EntityTables(model.specs), model, source, tenant=TENANT)


def _ask(database: Database, statement: str, **values: Any) -> list[Any]:
    with database.writing() as connection:
        return list(connection.execute(text(statement), values).tuples())


def _records(database: Database, stream: str) -> dict[str, Any]:
    """What is held, by key, with numbers as exact as Postgres has them."""
    found = _ask(
        database, "SELECT key, data::text FROM remit.record WHERE stream = :stream", stream=stream
    )
    return {key: _exact(data) for key, data in found}


def _exact(data: str) -> Any:
    # A number has many spellings (1e308, or a one with 308 zeros), and a float few digits.
    return json.loads(data, parse_float=Decimal, parse_int=Decimal)


def test_faker_becomes_rows_by_a_proposed_mapping(
    database: Database, model: Model, home: Path, tmp_path: Path
) -> None:
    python, script = _install(FAKER, "7.2.1", home)
    assert (Path(python).name, Path(script).name) == ("python", "source-faker")
    settings = {"count": 200, "always_updated": False, "parallelism": 1}
    discovered = _source(model, home, FAKER, settings).discover()
    assert [(stream.name, stream.key, stream.incremental) for stream in discovered] == [
        ("products", "id", True),
        ("users", "id", True),
        ("purchases", "id", True),
    ]
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(propose_mapping(discovered, model))
    source = _source(model, home, FAKER, settings, mapping=mapping, streams=("users", "products"))
    assert source.unmapped == ("products",)

    first = _sync(database, model, source)
    assert [(one.stream, one.read, one.written, one.error) for one in first.streams] == [
        ("users", 200, 200, None),
        ("products", 100, 100, None),
    ]
    (email,) = _ask(database, "SELECT count(DISTINCT email) FROM entity.user")[0]
    assert email == 200
    assert len(_records(database, "products")) == 100

    again = _sync(database, model, source)
    assert [(one.read, one.written, one.error) for one in again.streams] == [(0, 0, None)] * 2
    assert all(one.complete for one in again.streams)


def test_hardcoded_records_are_read_whole_each_time(
    database: Database, model: Model, home: Path
) -> None:
    _install(HARDCODED, "0.0.48", home)
    source = _source(model, home, HARDCODED, {"count": 200}, streams=("products",))
    # It sends one record over and over, without a key to tell them apart.
    for written in (1, 0):
        (report,) = _sync(database, model, source).streams
        assert (report.read, report.written, report.error) == (200, written, None)
    assert len(_records(database, "products")) == 1


def _as_sent(
    home: Path, settings: Mapping[str, Any], streams: Sequence[DiscoveredStream], folder: Path
) -> Any:
    """What the connector prints when it is asked for all at once, in its order, by stream."""
    catalog = {
        "streams": [
            {
                "stream": stream.raw,
                "sync_mode": "full_refresh",
                "destination_sync_mode": "append",
            }
            for stream in streams
        ]
    }
    (folder / "config.json").write_bytes(orjson.dumps(settings))
    (folder / "catalog.json").write_bytes(orjson.dumps(catalog))
    command = [*installed_command(SMOKE, None, home), "read"]
    command += ["--config", "config.json", "--catalog", "catalog.json"]
    printed = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=300, check=True
    ).stdout
    sent: dict[str, list[Any]] = {}
    for line in printed.decode().splitlines():
        if line.startswith("{"):
            message = _exact(line)
            if message["type"] == "RECORD":
                sent.setdefault(message["record"]["stream"], []).append(message["record"]["data"])
    return sent


def test_torture_streams_are_held_exactly(
    database: Database, model: Model, home: Path, tmp_path: Path
) -> None:
    _install(SMOKE, "0.1.2", home)
    odd = {
        "name": ODD,
        "json_schema": {"type": "object"},
        "primary_key": [["or.der"], ["no"]],
        "records": [{"or.der": "a,b", "no": 1}, {"or.der": "a", "no": 2}, {"or.der": "a", "no": 1}],
    }
    settings = {"custom_scenarios": [odd]}
    source = _source(model, home, SMOKE, settings)
    report = _sync(database, model, source)
    streams = source.discover()
    sent = _as_sent(home, settings, streams, tmp_path)

    assert {one.stream: (one.read, one.error) for one in report.streams} == {
        stream.name: (len(sent.get(stream.name, [])), None) for stream in streams
    }
    assert sum(one.rejected for one in report.streams) == 0
    for stream in streams:
        held, records = _records(database, stream.name), sent.get(stream.name, [])
        if stream.primary_key == (("id",),):
            # Of several records with one key, the last.
            assert held == {str(one["id"]): one for one in records}
        else:
            # Of several equal records, one.
            different = [one for at, one in enumerate(records) if one not in records[:at]]
            assert len(held) == len(different)
            assert all(record in held.values() for record in different)
    assert _records(database, ODD).keys() == {'["a,b",1]', '["a",2]', '["a",1]'}

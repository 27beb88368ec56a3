"""Reading a source through the CDK: states, timeouts, and ends of all kinds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

import ingestion
from ingestion.airbyte.check import CheckResult
from ingestion.airbyte.declarative import DeclarativeConnector
from ingestion.airbyte.in_process import State, read_stream
from ingestion.airbyte.manifest import CONNECTORS, load_manifest
from ingestion.airbyte.oauth import OAuthWithTimeout
from ingestion.airbyte.origin import Origin
from ingestion.airbyte.redaction import Redactor
from ingestion.simulator import Simulator
from ingestion.source import Source, SourceError
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model
from tests.ingestion.index_under_test import VENDORS, settings


def _source(model: Model, simulator: Simulator, vendor: str, **changed: Any) -> Source:
    given = settings(simulator, vendor, **changed)
    config = SourceConfig(vendor, vendor, given, origin=Origin(connector=vendor))
    return Source(config, model.specs)


def _read(source: Source, stream: str, state: Any = None) -> tuple[list[dict[str, Any]], Any]:
    records = []
    for item in source.read(stream, state, warn=lambda *_: None):
        if isinstance(item, State):
            state = item.value
        else:
            records.append(item)
    return records, state


def test_no_secret_gets_into_the_address_of_a_row(model: Model, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "streams: {users: {key: id, entities: [{entity: user, fields: {name: name},"
        ' url: "{base_url}/{settings.email}/{settings.api_token}/{id}"}]}}'
    )
    origin = Origin(manifest=CONNECTORS / "zendesk/manifest.yaml", mapping=mapping)
    given = {"base_url": "https://acme.example", "email": "a@b.example", "api_token": "canary"}
    source = Source(SourceConfig("desk", "zendesk", given, origin=origin), model.specs)
    mapped = source.mapper("users", "acme").map({"id": 7}, at=datetime.now(UTC)).incoming
    assert mapped.row is not None
    assert mapped.row["remote_url"] == "https://acme.example/a@b.example/***/7"


STREAMS = [
    (vendor, stream) for vendor in VENDORS for stream in
    (found["name"] for found in load_manifest(vendor)["streams"])
]  # fmt: skip


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_read_goes_on_from_its_state(
    model: Model, simulator: Simulator, vendor: str, stream: str
) -> None:
    source = _source(model, simulator, vendor)
    everything, state = _read(source, stream)
    assert everything
    assert state
    boundary, again = _read(source, stream, state)
    # Only what lies so near the end of the first read that it may have been incomplete.
    assert len(boundary) < max(10, len(everything) / 2)
    assert again == state


def test_error_names_source_stream_and_reason(model: Model, simulator: Simulator) -> None:
    simulator.fault("zendesk", "unauthorized")
    with pytest.raises(SourceError) as failed:
        _read(_source(model, simulator, "zendesk"), "tickets")
    assert str(failed.value) == (
        "zendesk, tickets: it answered 401 (Unauthorized); check the credentials."
    )


def test_check_says_once_what_is_wrong_everywhere(model: Model, simulator: Simulator) -> None:
    source = _source(model, simulator, "zendesk")
    well = source.check()
    assert well.ok
    assert [stream.stream for stream in well.streams] == list(source.streams)
    simulator.fault("zendesk", "unauthorized")
    assert _source(model, simulator, "zendesk").check() == CheckResult(
        problem="it answered 401 (Unauthorized); check the credentials"
    )


def test_check_names_the_one_stream_that_is_refused(model: Model, simulator: Simulator) -> None:
    simulator.fault("zendesk", "unauthorized", path_prefix="/api/v2/incremental/tickets")
    found = _source(model, simulator, "zendesk").check()
    problems = {one.stream: one.problem for one in found.streams if one.problem}
    assert problems == {"tickets": "it answered 401 (Unauthorized); check the credentials"}
    assert not found.ok


def _components(manifest: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(manifest, Mapping):
        yield manifest
        for value in manifest.values():
            yield from _components(value)
    elif isinstance(manifest, list):
        for value in manifest:
            yield from _components(value)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_request_has_a_timeout(vendor: str) -> None:
    components = list(_components(load_manifest(vendor)))
    requesters = [found for found in components if found.get("type") == "HttpRequester"]
    assert requesters
    for requester in requesters:
        assert requester["connect_timeout_in_seconds"] == 10
        assert requester["read_timeout_in_seconds"] == 60
    waits = [found for found in components if found.get("type") == "WaitTimeFromHeader"]
    assert {wait["max_waiting_time_in_seconds"] for wait in waits} == {600}
    # The CDK's own asks for tokens without any.
    assert not [found for found in components if found.get("type") == "OAuthAuthenticator"]


def test_the_cdk_keeps_to_the_timeout(simulator: Simulator) -> None:
    simulator.fault("zendesk", "slow", seconds=30)
    manifest = dict(load_manifest("zendesk"))
    stream = next(found for found in manifest["streams"] if found["name"] == "users")
    for part in _components(stream):
        if part.get("type") == "HttpRequester":
            part = {**part, "read_timeout_in_seconds": 0.2}
            stream = {**stream, "retriever": {**stream["retriever"], "requester": part}}
    manifest["streams"] = [stream]
    given = settings(simulator, "zendesk", retries=0)
    began = time.monotonic()
    with pytest.raises(RuntimeError):
        list(read_stream(manifest, given, "users", None, logger="airbyte.test"))
    assert time.monotonic() - began < 15


def test_token_request_gives_up_when_nobody_answers(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.airbyte.oauth._TOKEN_SECONDS", 0.2)
    simulator.fault("salesforce", "slow", seconds=30, path_prefix="/services/oauth2")
    credentials = simulator.credentials["salesforce"]
    authenticator = OAuthWithTimeout(  # type: ignore[abstract]  # as the CDK does
        config={},
        parameters={},
        token_refresh_endpoint=f"{simulator.salesforce_url}/services/oauth2/token",
        grant_type="client_credentials",
        client_id=credentials["client_id"],
        client_secret=credentials["client_secret"],
    )
    began = time.monotonic()
    with pytest.raises(requests.Timeout):
        authenticator._make_handled_request()
    assert time.monotonic() - began < 15


def test_a_read_that_is_given_up_leaves_no_thread(model: Model, simulator: Simulator) -> None:
    before = threading.active_count()
    items = _source(model, simulator, "zendesk").read("comments", None, warn=lambda *_: None)
    next(items)
    items.close()
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_ignored_refusal_is_told_and_leaves_no_state(simulator: Simulator) -> None:
    """The "silent zero": a manifest that passes over a refusal ends as complete."""
    ignoring = {
        "type": "DefaultErrorHandler",
        "response_filters": [
            {"type": "HttpResponseFilter", "http_codes": [401], "action": "IGNORE"}
        ],
    }
    manifest = load_manifest("stripe")
    stream = manifest["streams"][0]["full_refresh_stream"]
    requester = {**stream["retriever"]["requester"], "error_handler": ignoring}
    lenient = {**stream, "retriever": {**stream["retriever"], "requester": requester}}
    connector = DeclarativeConnector(
        {**manifest, "streams": [lenient]},
        settings(simulator, "stripe", api_key="sk_test_wrong_key"),
        "stripe",
        Redactor({}),
    )
    told: list[tuple[str, bool]] = []
    items = list(connector.read("customers", None, lambda *given: told.append(given)))
    assert items == []
    ((text, refused),) = told
    assert "401" in text
    assert refused


def test_importing_leaves_the_root_logger_alone() -> None:
    # The CDK would have put a handler there that writes to standard output.
    assert ingestion is not None
    kinds = {type(handler).__module__ for handler in logging.root.handlers}
    streams = {type(getattr(handler, "stream", None)).__name__ for handler in logging.root.handlers}
    assert "PrintBuffer" not in streams | kinds

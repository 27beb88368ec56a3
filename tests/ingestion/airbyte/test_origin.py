"""Where connectors come from: what may be said of it, and what is started for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from index.errors import ConfigurationError
from ingestion.airbyte.installed import Installed, install, installed_command
from ingestion.airbyte.launch import Launch, prepare_launch
from ingestion.airbyte.manifest import CONNECTORS, load_manifest
from ingestion.airbyte.origin import Origin
from ingestion.airbyte.state import State
from ingestion.simulator import Simulator
from ingestion.source import Source, SourceError
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model
from tests.ingestion.index_under_test import settings

NAMES = [
    # A shipped connector is its own name.
    (Origin(connector="zendesk"), "zendesk"),
    # A manifest is called like its folder, unless its file says more.
    (Origin(manifest=Path("connectors/shop/manifest.yaml")), "shop"),
    (Origin(manifest=Path("shop.yaml")), "shop"),
    (Origin(command=("/opt/source-faker", "--quiet")), "faker"),
    (Origin(package="airbyte-source-faker", version="7.2.1"), "faker"),
    (Origin(image="registry:5000/airbyte/source-faker:7.2.1"), "faker"),
    (Origin(image="source-faker@sha256:0f"), "faker"),
]


@pytest.mark.parametrize(("origin", "name"), NAMES)
def test_an_origin_tells_the_kind_of_system(origin: Origin, name: str) -> None:
    assert origin.name == name


BAD = [
    ({}, "exactly one of connector, manifest, command, package, image; it has none"),
    ({"connector": "zendesk", "image": "i"}, "it has connector and image"),
    ({"connector": "zendesk", "version": "1"}, "`version` goes with a `package`"),
    # An engine would take it for an option of its own.
    ({"image": "--privileged"}, "'--privileged' is no name of an image"),
    ({"image": "airbyte/x -v /:/y"}, "is no name of an image"),
]


@pytest.mark.parametrize(("given", "why"), BAD)
def test_an_origin_is_exactly_one_thing(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        Origin(**given)


def _engine(folder: Path, name: str) -> None:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def test_an_image_runs_in_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    for name in ("HTTP_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    _engine(tmp_path, "docker")
    launch = prepare_launch(Origin(image="airbyte/source-x:1"), tmp_path, Path("/private/folder"))
    name = launch.ending[-1]
    docker = str(tmp_path / "docker")
    assert launch == Launch(
        (
            docker, "run", "--rm", "--init", "--interactive", "--name", name,
            # As us, or the private folder would be closed to it.
            "--user", f"{os.getuid()}:{os.getgid()}",
            # By name only: the address may hold a password.
            "--env", "HTTPS_PROXY",
            "--volume", "/private/folder:/remit", "airbyte/source-x:1",
        ),
        "/remit",
        ending=(docker, "rm", "--force", name),
    )  # fmt: skip


def test_podman_serves_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _engine(tmp_path, "podman")
    command = prepare_launch(Origin(image="i"), tmp_path, Path("/f")).command
    assert command[0] == str(tmp_path / "podman")
    assert "--userns=keep-id" in command


def test_without_an_engine_the_ways_out_are_named(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = Source(SourceConfig("x", "x", {}, origin=Origin(image="airbyte/x:1")), model.specs)
    assert source.check().problem == (
        "The image airbyte/x:1 needs a container engine, and neither docker nor podman is on the"
        " PATH. Install one, or use the connector as a `package` or a `command`"
    )


def test_a_package_that_is_not_installed_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not installed\. Run `remit source install`"):
        installed_command("airbyte-source-faker", None, tmp_path)
    folder = tmp_path / "connectors" / "airbyte-source-faker"
    folder.mkdir(parents=True)
    held = Installed("airbyte-source-faker", "7.2.1", "e", "source-faker")
    (folder / "installed.json").write_text(json.dumps(vars(held)))
    # Registries take these names for one and the same.
    assert installed_command("Airbyte_Source.Faker", "7.2.1", tmp_path) == (
        str(folder / "e" / "bin" / "python"),
        str(folder / "e" / "bin" / "source-faker"),
    )
    with pytest.raises(ConfigurationError, match=r"7\.0\.0 is asked for, and 7\.2\.1 is installed"):
        installed_command("airbyte-source-faker", "7.0.0", tmp_path)


NO_PACKAGES = [
    # It becomes an argument of pip and the name of a folder.
    ("--index-url=http://example.com", None),
    ("../../etc", None),
    ("git+https://example.com/x", None),
    ("airbyte-source-faker", "1; rm -rf /"),
    ("airbyte-source-faker", "-e ."),
]


@pytest.mark.parametrize(("package", "version"), NO_PACKAGES)
def test_a_package_is_a_name_and_a_version(
    package: str, version: str | None, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"is no (name|version) of a package"):
        install(package, version, tmp_path)
    assert not (tmp_path / "connectors" / "etc").exists()


def test_pip_tells_in_its_own_words_why_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that it need not ask a registry to know that there is no such thing.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        ConfigurationError, match=r"cannot be installed: ERROR: .*No matching distribution.*nowhere"
    ):
        install("airbyte-source-nowhere", None, tmp_path)
    folder = tmp_path / "connectors" / "airbyte-source-nowhere"
    assert [left.name for left in folder.iterdir()] == ["lock"]


def _manifest(folder: Path, text: str) -> Path:
    path = folder / "manifest.yaml"
    path.write_text(text)
    return path


def test_a_manifest_by_path_runs_in_process(
    model: Model, simulator: Simulator, tmp_path: Path
) -> None:
    shipped = (CONNECTORS / "zendesk" / "manifest.yaml").read_text()
    origin = Origin(manifest=_manifest(tmp_path, shipped))
    given = settings(simulator, "zendesk")
    source = Source(SourceConfig("desk", "desk", given, origin=origin), model.specs)
    assert set(source.unmapped) >= {"users", "organizations", "tickets", "comments"}
    streams = {stream.name: stream for stream in source.discover()}
    assert streams["tickets"].primary_key == (("id",),)
    assert streams["tickets"].incremental
    items = list(source.read("organizations", None, warn=lambda *_: None))
    assert isinstance(items[-1], State)
    assert len(items) > 1


MANIFESTS = [
    ("type: [", "cannot be read as YAML"),
    ("a: 1", "is no manifest: it has no `type: DeclarativeSource`"),
    (
        "{type: DeclarativeSource, streams: [{retriever: {class_name: shop.components.Mine}}]}",
        r"Python code of its own \(shop.components.Mine\).*`package`, `command` or `image`",
    ),
    # Each use of such a token brings another, which nobody would have the next time.
    (
        "{type: DeclarativeSource, definitions: {a: {refresh_token_updater: {}}}}",
        r"signs in with a refresh token that each use replaces \(`refresh_token_updater`\)",
    ),
    # The CDK's code for it asks without a timeout.
    (
        "{type: DeclarativeSource, definitions: {a: {type: LegacySessionTokenAuthenticator}}}",
        "Let it use a SessionTokenAuthenticator",
    ),
    ("{type: DeclarativeSource, spec: [1]}", "its spec is not as the CDK wants it"),
    (
        "{type: DeclarativeSource, spec: {connection_specification: none}}",
        "its spec is not as the CDK wants it",
    ),
]


@pytest.mark.parametrize(("text", "why"), MANIFESTS)
def test_a_manifest_that_cannot_be_used_says_why(
    model: Model, tmp_path: Path, text: str, why: str
) -> None:
    origin = Origin(manifest=_manifest(tmp_path, text))
    with pytest.raises(ConfigurationError, match=why):
        Source(SourceConfig("shop", "shop", {}, origin=origin), model.specs)


@pytest.mark.parametrize(
    "text",
    [
        "{type: DeclarativeSource, spec: null, streams: null}",
        "{type: DeclarativeSource, streams: [{extractor: {type: DpathExtractor}}]}",
    ],
)
def test_what_a_manifest_leaves_out_shows_when_it_is_tried(
    model: Model, tmp_path: Path, text: str
) -> None:
    origin = Origin(manifest=_manifest(tmp_path, text))
    problem = Source(SourceConfig("shop", "shop", {}, origin=origin), model.specs).check().problem
    assert problem is not None
    assert problem.startswith("its manifest cannot be run (")


def test_a_shipped_connector_is_named_not_addressed(tmp_path: Path) -> None:
    _manifest(tmp_path, "{type: DeclarativeSource, streams: []}")
    way = os.path.relpath(tmp_path, CONNECTORS)
    with pytest.raises(ConfigurationError, match="There is no connector"):
        load_manifest(way)


def test_a_stream_made_while_it_runs_brings_no_code(model: Model, tmp_path: Path) -> None:
    code = "{'type': 'CustomRecordExtractor', 'class_name': 'typer.launch', 'url': 'x'}"
    stream = {
        "type": "DeclarativeStream",
        "name": "a",
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {}},
        "retriever": {
            "type": "SimpleRetriever",
            "requester": {"type": "HttpRequester", "url_base": "http://127.0.0.1:9", "path": "/"},
            "record_selector": {
                "type": "RecordSelector",
                "extractor": {"type": "DpathExtractor", "field_path": ["a"]},
            },
        },
    }

    def problem(value: str) -> str | None:
        mapped = {
            "type": "ComponentMappingDefinition",
            "field_path": ["retriever", "record_selector", "extractor"],
            "value": value,
        }
        resolver = {
            "type": "ConfigComponentsResolver",
            "stream_config": {"type": "StreamConfig", "configs_pointer": ["items"]},
            "components_mapping": [mapped],
        }
        manifest = {
            "version": "6.0.0",
            "type": "DeclarativeSource",
            "check": {"type": "CheckStream", "stream_names": ["a"]},
            "dynamic_streams": [
                {
                    "type": "DynamicDeclarativeStream",
                    "name": "made",
                    "stream_template": stream,
                    "components_resolver": resolver,
                }
            ],
        }
        origin = Origin(manifest=_manifest(tmp_path, json.dumps(manifest)))
        config = SourceConfig("shop", "shop", {"items": [{"id": 1}]}, origin=origin)
        try:
            Source(config, model.specs).discover()
        except SourceError as error:
            return error.reason
        return None

    assert problem("{'type': 'DpathExtractor', 'field_path': ['b']}") is None
    told = problem(code)
    assert told is not None
    assert "Python code of its own (typer.launch)" in told


def test_code_beside_a_manifest_is_not_run(model: Model, tmp_path: Path) -> None:
    (tmp_path / "components.py").write_text("raise SystemExit('run')")
    origin = Origin(manifest=_manifest(tmp_path, "{type: DeclarativeSource, streams: []}"))
    with pytest.raises(ConfigurationError, match=r"components\.py"):
        Source(SourceConfig("shop", "shop", {}, origin=origin), model.specs)


def test_a_manifest_of_another_time_fails_with_words(model: Model, tmp_path: Path) -> None:
    text = (
        "{version: 99.0.0, type: DeclarativeSource, check: {type: CheckStream, stream_names: [a]},"
        " streams: [{type: DeclarativeStream, name: a, retriever: {type: TeleportRetriever}}]}"
    )
    origin = Origin(manifest=_manifest(tmp_path, text))
    source = Source(SourceConfig("shop", "shop", {}, origin=origin), model.specs)
    problem = source.check().problem
    assert problem is not None
    assert problem.startswith("its manifest cannot be run (")

"""`remit.yaml`: what it may say, and how it is refused: with the place, and never with a value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from index.errors import ConfigurationError
from ingestion.schedule.schedules import Cron, Every, Slot
from ingestion.workspace.format import RECONCILE, SourceEntry, Workspace
from ingestion.workspace.in_force import read_sources_file
from ingestion.workspace.readiness import problems_of
from ingestion.workspace.workspace_file import load_workspace
from semantic_layer import Model

ROOT = Path(__file__).resolve().parents[3]
CANARY = "c4nary-in-the-coal-mine"


def _file(folder: Path, content: str) -> Path:
    path = folder / "remit.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_a_whole_workspace_is_read_with_paths_from_its_folder(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        """
model: ./model
policies: policies
sources:
  zendesk-emea:
    connector: zendesk
    settings: {start_date: 2024-01-01, api_token: "file:secrets/zendesk", email: "env:EMAIL"}
    streams: [tickets, users]
    schedule:
      every: 15m
      streams:
        users: {cron: "0 3 * * *"}
  shop:
    manifest: connectors/shop/manifest.yaml
    mapping: connectors/shop/mapping.yaml
  own:
    command: [./connector.sh, --quiet]
  found:
    command: [source-found]
  people:
    package: airbyte-source-faker
    version: 7.2.1
    settings: {count: 200}
""",
    )
    workspace = load_workspace(path)
    assert (workspace.model, workspace.policies) == (tmp_path / "model", tmp_path / "policies")
    zendesk, shop, own, found, people = workspace.sources.values()
    # A date stays the text that stands there: JSON, and so every connector, knows no dates.
    assert zendesk.settings["start_date"] == "2024-01-01"
    assert zendesk.settings["api_token"] == f"file:{tmp_path / 'secrets/zendesk'}"
    assert zendesk.settings["email"] == "env:EMAIL"
    assert zendesk.streams == ("tickets", "users")
    assert zendesk.schedules("z") == {
        Slot("z"): Every(900),
        Slot("z", "users"): Cron("0 3 * * *"),
        Slot("z", reconcile=True): RECONCILE,
    }
    assert shop.origin.manifest == tmp_path / "connectors/shop/manifest.yaml"
    assert shop.origin.mapping == tmp_path / "connectors/shop/mapping.yaml"
    assert own.origin.command == (str(tmp_path / "connector.sh"), "--quiet")
    assert found.origin.command == ("source-found",)
    assert (people.origin.package, people.origin.version) == ("airbyte-source-faker", "7.2.1")
    assert people.settings == {"count": 200}
    assert "schedule" not in zendesk.definition()


def test_the_example_can_be_used(model: Model, tmp_path: Path) -> None:
    workspace = load_workspace(ROOT / "examples" / "workspace" / "remit.yaml")
    sealed = {"zendesk-emea.api_token"}
    assert problems_of(workspace.sources, model.specs, home=tmp_path, secrets=sealed) == []


def test_what_the_guide_shows_can_be_read(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "connect-your-systems.md").read_text(encoding="utf-8")
    found = re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    examples = [example for example in found if "sources:" in example]
    assert examples
    for example in examples:
        assert load_workspace(_file(tmp_path, example)).sources
    for part in (Workspace, SourceEntry):
        for name in part.model_fields:
            assert f"`{name}`" in guide, name


def test_only_what_is_written_as_a_number_is_one(tmp_path: Path) -> None:
    given = (
        "{time: 12:30:00, digits: 010, grouped: 1_000, hex: 0x1F, count: 10, less: -3, rate: 0.5}"
    )
    path = _file(tmp_path, _source(f"settings: {given}"))
    assert load_workspace(path).sources["a"].settings == {
        "time": "12:30:00",
        "digits": "010",
        "grouped": "1_000",
        "hex": "0x1F",
        "count": 10,
        "less": -3,
        "rate": 0.5,
    }


def test_an_empty_file_is_an_empty_workspace(tmp_path: Path) -> None:
    assert load_workspace(_file(tmp_path, "# nothing yet\n")).sources == {}


def test_a_definition_reads_back_as_it_was(tmp_path: Path) -> None:
    path = _file(tmp_path, "sources: {a: {command: [x, 'y z'], streams: [s], settings: {n: 1.5}}}")
    (entry,) = load_workspace(path).sources.values()
    assert type(entry).model_validate(entry.definition()) == entry


def _source(text: str) -> str:
    return f"sources:\n  a:\n    connector: zendesk\n    {text}\n"


C = CANARY
# A file, what its refusal says, and the line it names.
BAD: dict[str, tuple[str, str, int | None]] = {
    "an unknown key": ("source: {}", "did you mean `sources`", 1),
    "a misspelt key of a source": (
        _source(f"setings: {{api_token: {C}}}"),
        "in sources.a: did you mean `settings`",
        4,
    ),
    "a key that is nothing like ours": (_source(f"zzz: {C}"), "Known are connector, manifest", 4),
    "an unknown key of a schedule": (
        _source("schedule: {evry: 15m}"),
        "in sources.a.schedule: did you mean `every`",
        4,
    ),
    "an unknown key of a stream's times": (
        _source("schedule: {streams: {users: {corn: x}}}"),
        "did you mean `cron`",
        4,
    ),
    # `token:hunter2` is one word to YAML, and so the key of nothing: it must not be repeated.
    "no space after a colon, among settings": (
        _source(f"settings: {{api_token:{C}}}"),
        "a space is missing after its colon",
        4,
    ),
    "no space after a colon, in a source": (
        f"sources: {{a: {{connector: zendesk, api_token:{C}}}}}",
        "a space is missing after its colon",
        1,
    ),
    "no space after a colon, at the top": (f"{{sources:{C}}}", "a space is missing", 1),
    "a name that is a value": (f"sources: {{'a:{C}': {{connector: zendesk}}}}", "name is made", 1),
    "two origins": (
        _source("package: airbyte-source-faker"),
        "exactly one of connector, manifest, command, package, image; it has connector and package",
        2,
    ),
    "no origin": ("sources: {a: {settings: {}}}", "it has none", 1),
    "an empty command": ("sources: {a: {command: []}}", "this is empty", 1),
    "a command that is a text": (f"sources: {{a: {{command: 'x {C}'}}}}", "must be a list", 1),
    "a version of no package": (_source("version: '1'"), "`version` goes with a `package`", 2),
    "a version that is a number": (
        "sources: {a: {package: p, version: 7.2}}",
        "must be a text; put it into quotes",
        1,
    ),
    "settings that are a text": (_source(f"settings: {C}"), "must have keys of its own", 4),
    "settings that are a list": (_source(f"settings: [{C}]"), "must have keys of its own", 4),
    "a source that is a text": (f"sources: {{a: {C}}}", "must have keys of its own", 1),
    "sources that are a list": (f"sources: [{C}]", "must have keys of its own", 1),
    "a file that is a list": (f"- {C}", "expected `sources:`", None),
    "a file that is a text": (CANARY, "expected `sources:`", None),
    "no streams": (_source("streams: []"), "this is empty", 4),
    "streams that are a text": (_source("streams: tickets"), "must be a list", 4),
    "an interval without a unit": (_source("schedule: {every: '15'}"), "a number and a unit", 4),
    "an interval of a bare number": (_source("schedule: {every: 15}"), "must be a text", 4),
    "an interval that is too short": (_source("schedule: {every: 5s}"), "too close", 4),
    "a bad cron": (_source("schedule: {cron: 'never'}"), "five fields", 4),
    "a cron of impossible fields": (_source("schedule: {cron: '99 * * * *'}"), "cannot be used", 4),
    "an interval and a cron": (
        _source("schedule: {every: 15m, cron: '0 3 * * *'}"),
        "exactly one of every, cron",
        4,
    ),
    "neither of both": (_source("schedule: {}"), "exactly one of every, cron", 4),
    "neither of both, for a stream": (
        _source("schedule: {streams: {users: {}}}"),
        "exactly one of every, cron",
        4,
    ),
    "a reconcile without a unit": (
        _source("schedule: {every: 15m, reconcile: '7'}"),
        "a number and a unit",
        4,
    ),
    "a reconcile of impossible fields": (
        _source("schedule: {every: 15m, reconcile: '99 * * * *'}"),
        "cannot be used",
        4,
    ),
    "a reconcile without syncs": (
        _source("schedule: {reconcile: 7d}"),
        "exactly one of every, cron",
        4,
    ),
    "a stream that is never reconciled": (
        _source("schedule: {every: 1h, streams: {users: {every: 1h, reconcile: never}}}"),
        "said of a whole source",
        4,
    ),
    "a key twice": (
        _source(f"settings: {{api_token: a, api_token: {C}}}"),
        "a second time",
        4,
    ),
    "an anchor": (_source(f"settings: &s {{api_token: {C}}}"), "anchors and aliases", 4),
    "a tag": (_source(f"settings: {{api_token: !x {C}}}"), "tags cannot be used", 4),
    "a merge": (_source(f"settings: {{<<: {{api_token: {C}}}}}"), "a merge cannot be used", 4),
    "a key that is no text": (_source(f"settings: {{yes: {C}}}"), "put it into quotes", 4),
    "a number that is not finite": (_source("settings: {rate: .inf}"), "not finite", 4),
    "a NUL": (_source('settings: {api_token: "a\\0b"}'), "cannot be stored", 4),
    "half of a character": (_source('settings: {api_token: "\\ud800"}'), "cannot be stored", 4),
    "a tab": (f"sources:\n\ta: {C}", "indent with spaces", 2),
    "an open quote": (_source(f"settings: {{api_token: '{C}}}"), "never closed", None),
    "an open bracket": (_source(f"settings: {{api_token: {C}"), "not valid YAML", None),
    "a colon in a plain text": (_source(f"settings: a: {C}"), "not valid YAML", 4),
    "two documents": (f"sources: {{}}\n---\n{C}", "not valid YAML", None),
    "much nesting": ("sources: " + "[" * 50 + "]" * 50, "nested too deeply", 1),
    "a control character": (f"sources: {C}\x07", "U+0007", 1),
}


@pytest.mark.parametrize(("content", "said", "line"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_with_the_place_and_the_way_out(
    tmp_path: Path, content: str, said: str, line: int | None
) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(ConfigurationError) as refused:
        load_workspace(path)
    message = str(refused.value)
    assert said in message
    assert message.startswith(str(path) if line is None else f"{path}, line {line}: ")
    error: BaseException | None = refused.value
    while error is not None:  # as a log with its causes would have it
        if error.__cause__ is not None or not error.__suppress_context__:
            assert CANARY not in repr(error)
        error = error.__cause__


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    path = _file(tmp_path, "modle: x\nsources:\n  a: {connector: zendesk, streams: []}\n")
    with pytest.raises(ConfigurationError) as refused:
        load_workspace(path)
    assert {line.split(":")[0] for line in str(refused.value).splitlines()} == {
        f"{path}, line 1",
        f"{path}, line 3",
    }


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_workspace(tmp_path / "nowhere.yaml")
    (tmp_path / "remit.yaml").write_bytes(b"sources: \xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_workspace(tmp_path / "remit.yaml")


@pytest.mark.parametrize("more", ["model: m", "policies: p", _source("schedule: {every: 1h}")])
def test_a_file_of_sources_alone_has_nothing_that_must_be_applied(
    tmp_path: Path, more: str
) -> None:
    with pytest.raises(ConfigurationError, match="remit apply"):
        read_sources_file(_file(tmp_path, more))

"""A connector as a process: what it sends, how it ends, and what it gets to see."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from index.errors import ConfigurationError
from ingestion.airbyte import private_folder
from ingestion.airbyte.check import CheckResult, StreamCheck
from ingestion.airbyte.origin import Origin
from ingestion.airbyte.process_connector import Limits
from ingestion.airbyte.state import State
from ingestion.source import Source, SourceError
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

HOSTILE = Path(__file__).with_name("hostile.py")
STREAM = "odd. things"
SECRET = "canary-7f3a9c\"q'ü"
COMMAND = (sys.executable, "-I", str(HOSTILE))


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of production, so short that a test can wait for them."""
    limits = Limits(specification=30, check=30, discover=30, idle=3, progress=5, message=1 << 20)
    monkeypatch.setattr("ingestion.airbyte.process_connector.Limits", lambda: limits)
    monkeypatch.setattr("ingestion.airbyte.process._GRACE", 0.3)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Whatever happened, no file of a connector stays behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.glob("remit-connector-*"))


def _source(model: Model, behaviour: str, **settings: Any) -> Source:
    given = {"behaviour": behaviour, "token": SECRET, **settings}
    config = SourceConfig("odd", "hostile", given, origin=Origin(command=COMMAND))
    return Source(config, model.specs)


def _read(source: Source, state: Any = None) -> tuple[list[Any], list[Any], list[str], str | None]:
    """Ids of records, STATEs, warnings with "!" before a refusal, and why it broke off."""
    ids: list[Any] = []
    states: list[Any] = []
    warnings: list[str] = []

    def warn(text: str, refused: bool) -> None:
        warnings.append(f"!{text}" if refused else text)

    try:
        for item in source.read(STREAM, state, warn=warn):
            if isinstance(item, State):
                states.append(item.value)
            else:
                ids.append(item["id"])
    except SourceError as error:
        return ids, states, warnings, error.reason
    return ids, states, warnings, None


ENDS = [
    # It told that the stream is complete.
    ("good", [0, 1, 2], None),
    # Lines that are no messages are noise.
    ("garbage", [0, 1, 2], None),
    # A connector from before there was a status of streams: its exit status counts.
    ("says_nothing_of_its_end", [0, 1, 2], None),
    # One that knows of it must have said the last word.
    ("never_complete", [0, 1, 2], "the connector ended without saying that the stream is complete"),
    ("incomplete", [0, 1, 2], "the connector ended without saying that the stream is complete"),
    # An exit status counts more than what was said before.
    ("exits_one", [0, 1, 2], "the connector ended with status 1 (cannot go on with ***)"),
    ("killed", [0, 1, 2], "the connector ended with signal 9"),
    # 4 MB of complaints do not block it; its last words are kept.
    ("complains", [0, 1, 2], "the connector ended with status 3 (last words about ***)"),
    # Its own message for people, without what is in the internal one.
    ("fails", [0, 1, 2], "The token *** is no longer valid"),
    ("hangs", [0], "it sent nothing for 3 s"),
    ("huge", [0], "it sent a message of more than 1 MiB"),
    # Half a record is a record that is missing.
    ("damaged", [0], "it sent a message that is not valid JSON"),
    ("misshapen", [0], "it sent a record or STATE that is not as agreed"),
    ("deep", [0], "it sent a message that is not valid JSON"),
    # What is said of an error or a stream in another shape than agreed.
    ("odd_error", [0, 1, 2], "the connector failed"),
    ("odd_descriptors", [0, 1, 2], None),
    # Postgres has no place for it, and what it covers would be read twice at worst.
    ("remembers_nul", [0, 1, 2], "it sent a STATE that cannot be stored"),
    ("remembers_half_a_pair", [0, 1, 2], "it sent a STATE that cannot be stored"),
    # Words alone are no sign that it gets on, and half a line is not even words.
    ("chatters", [0], "it sent no record, STATE or status for 5 s"),
    ("drips", [0], "it sent nothing for 3 s"),
]


@pytest.mark.parametrize(("behaviour", "ids", "problem"), ENDS)
def test_a_read_ends_with_what_came_and_why(
    model: Model, behaviour: str, ids: list[int], problem: str | None
) -> None:
    found, _, warnings, why = _read(_source(model, behaviour))
    assert (found, why) == (ids, problem)
    assert "canary" not in str(warnings)
    assert "ann@example.com" not in str(warnings)


def test_noise_is_told_without_secrets(model: Model) -> None:
    _, _, warnings, _ = _read(_source(model, "garbage"))
    assert "it printed: signed in with ***" in warnings


def _told(model: Model, texts: list[str], folder: Path, **settings: Any) -> list[str]:
    """What is told of texts in its log; they are in a file, for what is in settings is hidden."""
    file = folder / "texts.json"
    file.write_text(json.dumps(texts))
    return _read(_source(model, "quotes", texts_file=str(file), **settings))[2]


def test_no_part_of_a_secret_is_told(model: Model, tmp_path: Path) -> None:
    password = "Str0ngPassw0rd?xyz"
    pair = base64.b64encode(f"me@acme.example:{password}".encode()).decode()
    texts = [
        # What follows a question mark is taken for the query of an address.
        f"login with {password} failed",
        # On the edge of what is shown.
        "x" * 290 + password,
        f"sent Authorization: Basic {pair}",
    ]
    told = _told(model, texts, tmp_path, password=password)
    assert told[:2] == ["login with *** failed", "x" * 290 + "***"]
    assert told[2].startswith("sent Authorization: Basic ")
    assert pair[-20:-4] not in told[2]


def test_what_cannot_be_stored_is_not_told(model: Model, tmp_path: Path) -> None:
    assert _told(model, ["a\0b\ud800c"], tmp_path) == ["abc"]


def test_a_refusal_that_was_passed_over_leaves_no_state(model: Model) -> None:
    ids, states, warnings, problem = _read(_source(model, "refused"))
    assert (ids, states, problem) == ([], [], None)
    assert warnings == ["!Skipping the stream: the token lacks the permission crm.read (HTTP 403)"]


def test_state_is_kept_whole_and_given_back(model: Model) -> None:
    for behaviour, expected in (
        # Of this stream alone.
        ("good", {"type": "STREAM"}),
        # Of all streams together, as a database's log has it.
        ("remembers_all", {"type": "GLOBAL"}),
        # From before there were states of streams.
        ("remembers_as_of_old", {"type": "LEGACY"}),
    ):
        _, states, _, problem = _read(_source(model, behaviour))
        assert problem is None
        assert states[-1].items() >= expected.items()

    def given_back(behaviour: str) -> Any:
        source = _source(model, behaviour)
        (state,) = _read(source)[1]
        items = list(source.read(STREAM, state, warn=lambda *_: None))
        return next(item["got"] for item in items if isinstance(item, dict) and "got" in item)

    assert given_back("remembers_all") == [
        {"type": "GLOBAL", "global": {"shared_state": {"lsn": 7}, "stream_states": []}}
    ]
    assert given_back("remembers_as_of_old") == {STREAM: {"id": 2}}
    (large,) = given_back("remembers_a_large_number")
    assert large["stream"]["stream_state"] == {"id": 10**26}


def test_numbers_keep_their_digits(model: Model) -> None:
    (record,) = _source(model, "numbers").read(STREAM, None, warn=lambda *_: None)
    assert record == {
        "id": 123456789012345678901234567,
        "least": -(2**63),
        "large": 1e308,
        "none": None,
    }


def test_it_sees_neither_our_environment_nor_a_secret_beside_its_settings(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMIT_TOKEN_KEY", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    (seen,) = _source(model, "looks_around").read(STREAM, None, warn=lambda *_: None)
    assert isinstance(seen, dict)
    assert "ours" not in seen["environment"].values()
    assert seen["environment"]["HTTPS_PROXY"] == "http://proxy.example.com"
    assert seen["environment"]["TMPDIR"] == seen["folder"]
    assert "canary" not in seen["command"]
    assert seen["folder_mode"] == "drwx------"
    assert seen["modes"] == ["-rw-------"]
    assert seen["leads"]


def _ends(pid: int) -> bool:
    """Whether the process is gone, or only waits for somebody to ask how it ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def test_what_it_left_running_ends_with_it(model: Model, tmp_path: Path) -> None:
    # The child holds the pipe open and does not heed SIGTERM.
    pid = tmp_path / "pid"
    assert _read(_source(model, "forks", pid_file=str(pid)))[0] == [0, 1, 2]
    assert _ends(int(pid.read_text()))


def test_a_read_that_is_given_up_ends_the_process(model: Model, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    items = _source(model, "stubborn", pid_file=str(pid)).read(STREAM, None, warn=lambda *_: None)
    assert next(items) == {"id": 0, "text": "record 0"}
    items.close()
    assert _ends(int(pid.read_text()))


def test_a_killed_reader_leaves_its_folder_to_the_next(model: Model, tmp_path: Path) -> None:
    program = (
        "import os, runpy, sys\n"
        "private = runpy.run_path(sys.argv[1])\n"
        "with private['private_folder']() as folder:\n"
        "    private['write_private'](folder / 'config.json', b'{}')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, private_folder.__file__],
        env={"TMPDIR": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert ended.returncode == -9
    (left,) = tmp_path.glob("remit-connector-*")
    assert (left / "config.json").exists()
    assert _read(_source(model, "good"))[0] == [0, 1, 2]
    assert not left.exists()


def test_a_folder_that_leads_elsewhere_is_left_alone(model: Model, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "lock").touch()
    linked, disguised = tmp_path / "remit-connector-a", tmp_path / "remit-connector-b"
    linked.symlink_to(ours)
    disguised.mkdir()
    (disguised / "lock").symlink_to(ours / "lock")
    assert _read(_source(model, "good"))[0] == [0, 1, 2]
    assert (ours / "lock").exists()
    assert (disguised / "lock").is_symlink()
    linked.unlink()
    (disguised / "lock").unlink()
    disguised.rmdir()


def test_check_says_what_is_wrong(model: Model) -> None:
    assert _source(model, "good").check() == CheckResult(streams=(StreamCheck(STREAM),))
    refused = "the source refuses it (Skipping the stream: the token lacks the permission crm.read"
    (found,) = _source(model, "refused").check().streams
    assert found.problem is not None
    assert found.problem.startswith(refused)
    wrong = _source(model, "good", token="wrong-token").check()
    assert wrong == CheckResult(problem="*** is not accepted")
    config = SourceConfig("odd", "odd", {}, origin=Origin(command=("no-such-program",)))
    missing = Source(config, model.specs).check()
    assert missing.problem == (
        "the program no-such-program cannot be started (No such file or directory)"
    )


CATALOGS: list[dict[str, Any]] = [
    {"source_defined_primary_key": 5},
    {"source_defined_primary_key": [[{"id": 1}]]},
    {"default_cursor_field": {"updated": 1}},
    {"supported_sync_modes": 1},
    {"json_schema": "object"},
    {"namespace": ["a"]},
]


@pytest.mark.parametrize("stream", CATALOGS)
def test_a_stream_of_another_shape_is_told(model: Model, stream: dict[str, Any]) -> None:
    problem = _source(model, "good", stream=stream).check().problem
    assert problem == f"its catalog does not describe the stream {STREAM!r} as agreed"


def test_a_verb_that_takes_too_long_is_given_up(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(check=1)
    monkeypatch.setattr("ingestion.airbyte.process_connector.Limits", lambda: limits)
    found = _source(model, "good", slow_at="check").check()
    assert found.problem == "it was not done after 1 s"


def test_streams_that_no_mapping_claims_are_records(model: Model, tmp_path: Path) -> None:
    source = _source(model, "good")
    assert source.unmapped == (STREAM,)
    assert source.stream(STREAM, "t").entities == ("raw_record",)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("streams: {things: {key: id}}")
    origin = Origin(command=COMMAND, mapping=mapping)
    settings = {"behaviour": "good", "token": SECRET}
    strange = Source(SourceConfig("odd", "odd", settings, origin=origin), model.specs)
    with pytest.raises(ConfigurationError, match="mapping names stream 'things', which odd does"):
        _ = strange.streams
    chosen = SourceConfig("odd", "odd", settings, origin=Origin(command=COMMAND), streams=("it",))
    with pytest.raises(ConfigurationError, match="streams names stream 'it'"):
        _ = Source(chosen, model.specs).streams

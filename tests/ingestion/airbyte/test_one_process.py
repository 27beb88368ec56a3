"""Several streams read by one process: what is of which, and what one's trouble is to others."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestion.airbyte.connector import Ended
from ingestion.airbyte.launch import Launch
from ingestion.airbyte.process_connector import Limits, ProcessConnector
from ingestion.airbyte.state import State

SCRIPTED = Path(__file__).with_name("scripted.py")
STREAMS = ("a", "b", "c")
NEVER_SAID = "the connector ended without saying that the stream is complete"
REFUSED = "Skipping the stream: HTTP 403"


def _connector(folder: Path, script: Sequence[Any]) -> ProcessConnector:
    # In a file, for what is in settings is hidden.
    (folder / "script").write_text(json.dumps(script))
    places = {name: str(folder / name) for name in ("script", "starts")}
    settings = {"streams": STREAMS, **places}
    command = (sys.executable, "-I", str(SCRIPTED))
    limits = Limits(idle=20, repeats=500)
    return ProcessConnector(lambda at: Launch(command, str(at)), settings, limits=limits)


def _starts(folder: Path) -> list[Any]:
    """The streams that each process was asked for, and the state that it got."""
    return [json.loads(line) for line in (folder / "starts").read_text().splitlines()]


def _read(
    folder: Path, script: Sequence[Any], states: dict[str, Any] | None = None
) -> dict[str, Any]:
    """By stream, what came and how it ended."""
    found: dict[str, Any] = {}
    for name, item in _connector(folder, script).read_together(states or dict.fromkeys(STREAMS)):
        came = found.setdefault(name, [])
        if isinstance(item, Ended):
            came.append(item.problem or "whole")
        else:
            came.append(item.value if isinstance(item, State) else item["id"])
    return found


def _whole(stream: str) -> list[Any]:
    return [["status", stream, "STARTED"], ["record", stream, 1], ["status", stream, "COMPLETE"]]


ENDS: list[tuple[Sequence[Any], dict[str, list[Any]], list[str]]] = [
    # One after the other.
    (
        [*_whole("a"), *_whole("b"), *_whole("c")],
        {"a": [1, "whole"], "b": [1, "whole"], "c": [1, "whole"]},
        ["abc"],
    ),
    # In turn.
    (
        [["record", "a", 1], ["record", "b", 1], ["record", "a", 2], ["record", "c", 1]],
        {"a": [1, 2, "whole"], "b": [1, "whole"], "c": [1, "whole"]},
        ["abc"],
    ),
    # One fails and the process says so at its end: the others are whole.
    (
        [*_whole("a"), ["fail", "b", "No table."], *_whole("c"), ["leave", 1]],
        {"a": [1, "whole"], "b": ["No table"], "c": [1, "whole"]},
        ["abc"],
    ),
    # Of one that has failed nothing more is taken.
    (
        [*_whole("a"), ["fail", "b", "No."], ["record", "b", 1], *_whole("b"), *_whole("c")],
        {"a": [1, "whole"], "b": ["No"], "c": [1, "whole"]},
        ["abc"],
    ),
    # It dies: what was complete stands, what was under way has failed, and what had not begun gets
    # a process of its own.
    (
        [*_whole("a"), ["record", "b", 1], ["status", "b", "RUNNING"], ["die", "b"], *_whole("c")],
        {"a": [1, "whole"], "b": [1, "the connector ended with signal 9"], "c": [1, "whole"]},
        ["abc", "c"],
    ),
    # One of old, which stops at the first stream that fails, and does not say which it was.
    (
        [["record", "a", 1], ["fail", None, "Broken."], ["leave", 1]],
        {"a": [1, "Broken"], "b": ["Broken"], "c": ["Broken"]},
        ["abc", "bc", "c"],
    ),
    # Nothing comes at all, twice for the same reason: it is not one of the streams.
    (
        [["fail", None, "Wrong password."], ["leave", 1]],
        {name: ["Wrong password"] for name in STREAMS},
        ["abc", "bc"],
    ),
    # All are called complete, and then the process fails: nobody knows what that means.
    (
        [*_whole("a"), *_whole("b"), *_whole("c"), ["leave", 3]],
        {name: [1, "the connector ended with status 3"] for name in STREAMS},
        ["abc"],
    ),
    # One of them is forgotten, by a connector that tells how each is doing.
    (
        [*_whole("a"), *_whole("b")],
        {"a": [1, "whole"], "b": [1, "whole"], "c": [NEVER_SAID]},
        ["abc"],
    ),
    # The same record for ever.
    (
        [*_whole("a"), ["record", "b", 1], ["goes_round", "b", 1], *_whole("c")],
        {"a": [1, "whole"], "c": [1, "whole"]},
        ["abc", "c"],
    ),
]


@pytest.mark.parametrize(("script", "ends", "starts"), ENDS)
def test_each_stream_ends_for_its_own_reason(
    tmp_path: Path, script: Sequence[Any], ends: dict[str, list[Any]], starts: list[str]
) -> None:
    found = _read(tmp_path, script)
    assert {name: found[name] for name in ends} == ends
    assert ["".join(asked) for asked, _ in _starts(tmp_path)] == starts


def test_what_is_sent_over_and_over_ends_the_read(tmp_path: Path) -> None:
    found = _read(tmp_path, [["record", "b", 1], ["goes_round", "b", 1]], {"b": None})
    assert found["b"][-1] == "it sent 501 records in a row that it had sent before"


def test_many_records_of_few_keys_are_no_trouble(tmp_path: Path) -> None:
    """So few that their number says nothing: a connector may send all it has several times."""
    script = [["record", "a", number % 200] for number in range(700)]
    assert _read(tmp_path, script, {"a": None})["a"][-1] == "whole"


def test_each_stream_goes_on_from_its_own_state(tmp_path: Path) -> None:
    script = [["record", "a", 1], ["state", "a", 1], ["record", "b", 1], ["state", "b", 7]]
    found = _read(tmp_path, script)
    states = {"a": found["a"][1], "b": found["b"][1], "c": None}
    _read(tmp_path, script, states)
    (_, none), (asked, given) = _starts(tmp_path)
    assert (none, asked) == (None, ["a", "b", "c"])
    told = {one["stream"]["stream_descriptor"]["name"]: one["stream"] for one in given}
    assert {name: one["stream_state"] for name, one in told.items()} == {
        "a": {"id": 1},
        "b": {"id": 7},
    }


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("GLOBAL", [{"type": "GLOBAL", "global": {"shared_state": {"lsn": 7}}}]),
        ("LEGACY", {"at": 7}),
    ],
)
def test_a_state_of_all_is_each_one_s_and_is_given_back_once(
    tmp_path: Path, kind: str, given: Any
) -> None:
    script = [["record", name, 1] for name in STREAMS] + [["shared", kind, 7]]
    found = _read(tmp_path, script)
    states = {name: found[name][1] for name in STREAMS}
    _read(tmp_path, script, states)
    assert _starts(tmp_path)[1:] == [[["a", "b", "c"], given]]


def test_streams_whose_shared_states_differ_are_read_apart(tmp_path: Path) -> None:
    """Nobody knows which of the two covers less, so from each only its own streams go on."""
    older, newer = ({"type": "GLOBAL", "global": {"shared_state": {"lsn": at}}} for at in (1, 2))
    _read(tmp_path, [], {"a": older, "b": newer, "c": newer})
    assert _starts(tmp_path) == [[["a"], [older]], [["b", "c"], [newer]]]


def test_a_refusal_is_of_what_is_under_way(tmp_path: Path) -> None:
    script = [
        *_whole("a"),
        ["status", "b", "STARTED"],
        ["log", REFUSED],
        ["state", "b", 1],
        ["status", "b", "COMPLETE"],
        ["status", "c", "STARTED"],
        ["status", "c", "COMPLETE"],
    ]
    items = _connector(tmp_path, script).read_together(dict.fromkeys(STREAMS))
    came = [(name, item) for name, item in items if not isinstance(item, dict)]
    assert dict(came) == {
        "a": Ended(None),
        "b": Ended(None, (REFUSED,), refused=True),
        "c": Ended(None),
    }
    assert len(came) == 3  # and no STATE of what was refused


def test_a_refusal_of_nobody_knows_what_is_of_all(tmp_path: Path) -> None:
    items = _connector(tmp_path, [["log", REFUSED]]).read_together(dict.fromkeys(STREAMS))
    assert [item for _, item in items] == [Ended(None, (REFUSED,), refused=True)] * 3

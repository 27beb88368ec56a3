"""The Airbyte STATE of a stream, as it is stored and as a connector wants it back.

What the CDK gives in process is stored as the bare state of the stream; what a connector sends that
runs as a process is stored whole, because it may be the state of all its streams (GLOBAL), or the
shape from before there were states of streams (LEGACY).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What connectors send at the end of a stream that has no position to remember. Given back, the
# second one means that there is nothing left to read, ever.
_NO_POSITION = ("__ab_no_cursor_state_message", "__ab_full_refresh_sync_complete")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # in JSON; after a backslash it is only a text


@dataclass(frozen=True)
class State:
    """The Airbyte STATE of a stream: all records sent before it are covered by it."""

    value: Any


def has_position(stream_state: Any) -> bool:
    """Whether the bare state of a stream says how far it was read."""
    return isinstance(stream_state, Mapping) and not any(
        stream_state.get(name) for name in _NO_POSITION
    )


def is_storable(state: State) -> bool:
    """Whether Postgres takes it as JSON, which there has neither NUL nor half a surrogate pair."""
    text = json.dumps(state.value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _NUL.search(text) is None


def received_state(message: Mapping[str, Any]) -> State | None:
    """The STATE of a message to keep; None when it has no position, or not the shape agreed."""
    match message.get("type"):
        case "GLOBAL":
            return State(_bare(message))
        case "STREAM":
            inner = message.get("stream")
            if isinstance(inner, Mapping) and has_position(inner.get("stream_state")):
                return State(_bare(message))
            return None
        case _:
            data = message.get("data")
            return State({"type": "LEGACY", "data": data}) if data else None


def _bare(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without what only concerns its transport, and without what repeats it."""
    return {name: message[name] for name in ("type", "stream", "global") if name in message}


def shared_state(value: Any) -> str | None:
    """What tells one state of several streams together from another; None for that of one stream.

    Streams go on together only from the same one: of two that differ nobody knows which covers
    less.
    """
    match value:
        case {"type": "LEGACY" | "GLOBAL"}:
            return json.dumps(value, sort_keys=True)
    return None


def sent_state(states: Sequence[tuple[Mapping[str, Any], Any]]) -> Any:
    """The content of a state file for streams as the connector's catalog has them, with the state
    of each: one that they share, or each its own."""
    match states[0][1]:
        case {"type": "LEGACY", "data": data}:
            return data
        case {"type": "GLOBAL"} as shared:
            return [shared]
    return [_own_state(stream, value) for stream, value in states]


def _own_state(stream: Mapping[str, Any], value: Any) -> Any:
    match value:
        case {"type": "STREAM"}:
            return value
    descriptor = {name: stream[name] for name in ("name", "namespace") if stream.get(name)}
    return {
        "type": "STREAM",
        "stream": {"stream_descriptor": descriptor, "stream_state": value},
    }


def stream_state(value: Any) -> Any:
    """The bare state of a stream, also when it was sent by a connector as a process."""
    match value:
        case {"type": "STREAM", "stream": {"stream_state": state}}:
            return state
    return value

"""The Airbyte STATE of a stream, as it is stored and as a connector wants it back.

What the CDK gives in process is stored as the bare state of the stream; what a connector sends that
runs as a process is stored whole, because it may be the state of all its streams (GLOBAL), or the
shape from before there were states of streams (LEGACY).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.airbyte.messages import stream_name

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


def received_state(message: Mapping[str, Any], stream: str) -> State | None:
    """The STATE of a message to keep; None when it is about another stream, or has no position."""
    match message.get("type"):
        case "GLOBAL":
            return State(_bare(message))
        case "STREAM":
            inner = message.get("stream")
            if not isinstance(inner, Mapping) or stream_name(inner) != stream:
                return None
            return State(_bare(message)) if has_position(inner.get("stream_state")) else None
        case _:
            data = message.get("data")
            return State({"type": "LEGACY", "data": data}) if data else None


def _bare(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without what only concerns its transport, and without what repeats it."""
    return {name: message[name] for name in ("type", "stream", "global") if name in message}


def sent_state(value: Any, stream: Mapping[str, Any]) -> Any:
    """The content of a state file; `stream` is the stream as the connector's catalog has it."""
    match value:
        case {"type": "LEGACY", "data": data}:
            return data
        case {"type": "STREAM" | "GLOBAL"}:
            return [value]
    descriptor = {name: stream[name] for name in ("name", "namespace") if stream.get(name)}
    state = {"stream_descriptor": descriptor, "stream_state": value}
    return [{"type": "STREAM", "stream": state}]


def stream_state(value: Any) -> Any:
    """The bare state of a stream, also when it was sent by a connector as a process."""
    match value:
        case {"type": "STREAM", "stream": {"stream_state": state}}:
            return state
    return value

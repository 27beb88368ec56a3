"""The messages of the Airbyte protocol, one line of JSON each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

Message = dict[str, Any]

# So long that it may not fit into 64 bits, where the fast parser would make a fraction of it.
_LONG_INTEGER = re.compile(rb"[0-9]{19}")
_BEARING = (b'"RECORD"', b'"STATE"')


class DamagedMessage(Exception):
    """A line that was to be a record or a STATE and cannot be read, so something is missing."""


def parse_message(line: bytes) -> Message | None:
    """The message in a line; None for a line that is none, such as what a library prints.

    Whole numbers keep all their digits. NaN and the infinities, which JSON does not have, become
    null. Raises DamagedMessage.
    """
    try:
        message = None if _LONG_INTEGER.search(line) else orjson.loads(line)
    except ValueError:
        message = None
    if message is None:
        message = _parsed_leniently(line)
    if isinstance(message, dict) and isinstance(message.get("type"), str):
        return message
    return None


def stream_key(part: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Name and namespace of the stream that a part of a message is about.

    The name is None when it does not say so as agreed, the namespace also where there is none.
    """
    described = part.get("stream_descriptor")
    if not isinstance(described, Mapping):
        return None, None
    name, namespace = described.get("name"), described.get("namespace")
    return (
        name if isinstance(name, str) else None,
        namespace if isinstance(namespace, str) else None,
    )


def is_progress(message: Message) -> bool:
    """Whether it shows that a read gets on, which what a connector logs does not."""
    match message:
        case {"type": "RECORD" | "STATE"}:
            return True
        case {"type": "TRACE", "trace": {"type": "STREAM_STATUS"}}:
            return True
    return False


def _parsed_leniently(line: bytes) -> Any:
    try:
        return json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        if b'"type"' in line and any(kind in line for kind in _BEARING):
            raise DamagedMessage from None
        return None

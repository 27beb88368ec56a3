"""The messages of the Airbyte protocol, one line of JSON each."""

from __future__ import annotations

import json
import re
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
        if _LONG_INTEGER.search(line):
            message = json.loads(line, parse_constant=lambda _: None)
        else:
            message = orjson.loads(line)
    except ValueError:
        message = _parsed_leniently(line)
    if isinstance(message, dict) and isinstance(message.get("type"), str):
        return message
    return None


def _parsed_leniently(line: bytes) -> Any:
    try:
        return json.loads(line, parse_constant=lambda _: None)
    except ValueError:
        if b'"type"' in line and any(kind in line for kind in _BEARING):
            raise DamagedMessage from None
        return None

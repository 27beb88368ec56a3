"""A record on its way in: its content as it is kept, and what tells that from another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from index.errors import RemitError

# The escape itself, not a backslash that somebody wrote before "u0000".
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Unstorable(RemitError):
    """A record that Postgres cannot hold; the reason is its text, without the record's content."""


class Incoming(NamedTuple):
    """A record on its way in, with the entity row it was mapped to (None: kept as record only)."""

    key: str
    data: bytes  # canonical JSON, from `canonical_json`
    content_hash: bytes  # of the data, from `content_hash`
    updated_at: datetime | None
    entity: str | None = None
    row: Mapping[str, Any] | None = None
    deleted_at: datetime | None = None  # since when the source calls it gone


def canonical_json(data: Mapping[str, Any]) -> bytes:
    """The record as JSON with sorted keys. Raises `Unstorable` for what Postgres cannot hold."""
    try:
        encoded = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError) as error:
        raise Unstorable(f"it is not valid JSON: {error}") from error
    if b"\\u0000" in encoded and _NUL.search(encoded):
        raise Unstorable("it holds a NUL character, which Postgres text cannot store")
    return encoded


def content_hash(data: bytes) -> bytes:
    """What tells one content of a record from another."""
    return blake2b(data, digest_size=16).digest()

"""The streams that a connector says it has, and how one of them is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

Path = tuple[str, ...]
"""Names on the way to a value, taken literally: a name may hold a dot."""

_NAMES = {"type": ["array", "null"], "items": {"type": "string"}}
_STREAM = {
    "properties": {
        "namespace": {"type": ["string", "null"]},
        "json_schema": {"type": ["object", "null"]},
        "supported_sync_modes": _NAMES,
        "default_cursor_field": _NAMES,
        "source_defined_primary_key": {
            "type": ["array", "null"],
            # Some connectors give a flat list of names.
            "items": {"anyOf": [{"type": "string"}, {**_NAMES, "type": "array"}]},
        },
    }
}


@dataclass(frozen=True, kw_only=True)
class DiscoveredStream:
    """One stream as its connector describes it."""

    name: str
    json_schema: Mapping[str, Any] = field(default_factory=dict)
    primary_key: tuple[Path, ...] = ()  # empty: the source does not say what tells records apart
    cursor_field: Path = ()
    incremental: bool = False  # it can go on from a STATE; otherwise every read brings all
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as the connector sent it

    @property
    def key(self) -> str:
        """What identifies a record, for people."""
        if not self.primary_key:
            return "none: a hash of the content (equal records are one, a changed one is another)"
        return " + ".join(".".join(path) for path in self.primary_key)


def read_catalog(catalog: Mapping[str, Any]) -> tuple[DiscoveredStream, ...]:
    """The streams of an Airbyte catalog in its order. Raises ValueError for another shape.

    Of two streams of one name in different namespaces, each is called `namespace.name`.
    """
    streams = catalog.get("streams")
    if not isinstance(streams, list) or not all(
        isinstance(stream, dict) and isinstance(stream.get("name"), str) for stream in streams
    ):
        raise ValueError("its catalog has no list of named streams")
    names = [stream["name"] for stream in streams]
    for stream in streams:
        if not _as_agreed().is_valid(stream):
            raise ValueError(
                f"its catalog does not describe the stream {stream['name']!r} as agreed"
            )
    return tuple(
        DiscoveredStream(
            name=f"{stream['namespace']}.{stream['name']}"
            if names.count(stream["name"]) > 1 and stream.get("namespace")
            else stream["name"],
            json_schema=stream.get("json_schema") or {},
            primary_key=tuple(
                tuple(path) if isinstance(path, list) else (path,)
                for path in stream.get("source_defined_primary_key") or ()
            ),
            cursor_field=tuple(stream.get("default_cursor_field") or ()),
            incremental="incremental" in (stream.get("supported_sync_modes") or ())
            # Without either, somebody would have to choose a cursor.
            and bool(stream.get("source_defined_cursor") or stream.get("default_cursor_field")),
            raw=stream,
        )
        for stream in streams
    )


def configured_catalog(streams: Sequence[DiscoveredStream]) -> Mapping[str, Any]:
    """The catalog that asks a connector for these streams alone."""
    configured = [
        {
            "stream": stream.raw,
            "sync_mode": "incremental" if stream.incremental else "full_refresh",
            "destination_sync_mode": "append_dedup" if stream.primary_key else "append",
            "cursor_field": list(stream.cursor_field),
            "primary_key": [list(path) for path in stream.primary_key],
        }
        for stream in streams
    ]
    return {"streams": configured}


@cache
def _as_agreed() -> Draft7Validator:
    # Only here: most of what knows streams never asks a connector for them.
    from jsonschema import Draft7Validator

    return Draft7Validator(_STREAM)

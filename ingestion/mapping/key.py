"""What tells the records of a stream apart, as one text."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from typing import Any

from index.incoming import canonical_json
from ingestion.mapping.conversion import to_text
from ingestion.mapping.format import Key
from ingestion.mapping.values import Getter, Record, compile_names, compile_paths


def compile_key(key: Key, ignored: Collection[str] = ()) -> Callable[[Record], str | None]:
    """The key of a record, None when it has none.

    Values of several paths become a JSON list, so that no two lists of values give the same text.
    Without paths the key is a hash of the record without its `ignored` names. What is returned
    raises ValueError for a path to what is no text, and Unstorable for what is no JSON.
    """
    if key is None:
        return lambda record: _hash(
            {name: value for name, value in record.items() if name not in ignored}
        )
    if isinstance(key, str):
        path = compile_paths(key)
        return lambda record: to_text(path(record))
    getters = [_getter(part) for part in key]
    if len(getters) == 1:
        (get,) = getters
        return lambda record: _text(get(record))

    def together(record: Record) -> str | None:
        values = [get(record) for get in getters]
        # A part may be missing, as long as something is left that identifies the record.
        return None if all(value is None for value in values) else _json(values)

    return together


def _getter(path: str | tuple[str, ...]) -> Getter:
    return compile_paths(path) if isinstance(path, str) else compile_names(path)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    # Not cleaned, as other texts are: what differs must stay different.
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return canonical_json(value).decode()


def _hash(record: Record) -> str:
    return blake2b(canonical_json(record), digest_size=16).hexdigest()

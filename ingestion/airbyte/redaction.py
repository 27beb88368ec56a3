"""Texts from outside, with the secrets of a source taken out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

_SHORTEST = 6  # a shorter value would mangle every sentence
_MARK = "***"


class Redactor:
    """Replaces every text among the settings, for which of them are secrets is not always said.

    `public` are those that may be told, such as the address of the source.
    """

    def __init__(self, settings: Mapping[str, Any], *, public: tuple[str, ...] = ()) -> None:
        values = {
            value for value in _texts(settings) if len(value) >= _SHORTEST and value not in public
        }
        forms = {form for value in values for form in _forms(value)}
        # The longest first, so that no part of it is left when a shorter one is in it.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _MARK)
        return text


def _forms(value: str) -> Iterator[str]:
    """The ways in which a text shows in logs: as it is, in JSON, in an address."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    # Of several lines, as a private key has, each may be printed by itself.
    if "\n" in value:
        yield from (line for line in value.splitlines() if len(line) >= _SHORTEST)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)

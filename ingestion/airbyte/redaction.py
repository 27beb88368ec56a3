"""Texts from outside, with the secrets of a source taken out."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

_SHORTEST = 6  # a shorter value would mangle every sentence
_MARK = "***"
_LONGEST_LINE = 300
_QUERY = re.compile(r"\?[^\s'\"]*")
_URL_SAFE = str.maketrans("+/", "-_")


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
        # Postgres can store neither NUL nor half of a surrogate pair.
        text = text.replace("\0", "").encode(errors="ignore").decode()
        for form in self._forms:
            text = text.replace(form, _MARK)
        return text

    def line(self, text: str) -> str:
        """The first line of a text, without the query of an address; 300 characters at most.

        What is left out is left out last, for a part of a secret is not found any more.
        """
        first = self(text).strip().partition("\n")[0]
        return _QUERY.sub("", first)[:_LONGEST_LINE]


def _forms(value: str) -> Iterator[str]:
    """The ways in which a text shows in logs: as it is, in JSON, in an address, in base64."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    for encoded in _within_base64(value.encode()):
        yield encoded
        yield encoded.translate(_URL_SAFE)
    # Of several lines, as a private key has, each may be printed by itself.
    if "\n" in value:
        yield from (line for line in value.splitlines() if len(line) >= _SHORTEST)


def _within_base64(value: bytes) -> Iterator[str]:
    """What the base64 of every text with this value in it shows, such as that of `user:value`.

    A letter stands for six bits, so it depends on what is before in three ways only; the letters
    that share their bits with what is before or after are left out.
    """
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(value)) // 6
        yield b64encode(bytes(before) + value).decode()[first:last]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)

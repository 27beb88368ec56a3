"""What an author probably meant to write."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

_LONGEST_REPEATED = 60  # characters of the author's in a message


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that comes nearest, whatever its case, or None when none comes near."""
    by_spelling = {each.lower(): each for each in words}
    found = difflib.get_close_matches(word.lower(), by_spelling, n=1)
    return by_spelling[found[0]] if found else None


def look_alike(word: str) -> str:
    """Names the first letter that is not plain ASCII, in brackets; empty when there is none."""
    for letter in word:
        if not letter.isascii():
            name = unicodedata.name(letter, "unnamed").lower()
            return f" (`{letter}` is {name}, U+{ord(letter):04X})"
    return ""


def shortened(text: str) -> str:
    """The text as a message repeats it."""
    return text if len(text) <= _LONGEST_REPEATED else text[: _LONGEST_REPEATED - 1] + "…"

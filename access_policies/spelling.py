"""What an author probably meant to write."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that comes nearest, whatever its case, or None when none comes near."""
    by_spelling = {each.lower(): each for each in words}
    found = difflib.get_close_matches(word.lower(), by_spelling, n=1)
    return by_spelling[found[0]] if found else None

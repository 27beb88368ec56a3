"""Texts as numbers in their order: what lets a solver of numbers reason about texts.

z3's own theory of texts gives up on simple questions as soon as an order is in them. The rule
language never asks how long a text is or what stands where in it, so that more is not needed: equal
texts are equal numbers, `a < b` is that of the numbers, and `startsWith(x, "ab")` is the interval
from "ab" up to "ac". `endsWith` and `contains` are functions of the number of which only the plain
facts are known. Whatever texts there are, such numbers exist for them, so that what is proved of
numbers holds of texts; the other way round a counterexample is tried on real texts.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from index.predicate import TextOperator

_LAST = "\U0010ffff"
_FILLERS = ("", "a", "m", "x", "A", "0", " ", "!", "\u00e9", "aa", "zz", "\x01")
_LARGEST_TEXT = 40  # a text has about n²/2 parts


@dataclass(frozen=True, slots=True, order=True)
class Test:
    """`endsWith(…, part)` or `contains(…, part)`."""

    operator: TextOperator
    part: str

    def holds(self, text: str) -> bool:
        return text.endswith(self.part) if self.operator == "endsWith" else self.part in text

    def implies(self, other: Test) -> bool:
        """Whether every text that passes this one passes the other."""
        if other.operator == "endsWith":
            return self.operator == "endsWith" and self.part.endswith(other.part)
        return other.part in self.part

    def excludes(self, other: Test) -> bool:
        """Whether no text passes both."""
        both_ends = self.operator == other.operator == "endsWith"
        return both_ends and not (self.implies(other) or other.implies(self))


class TextOrder:
    """The texts that rules name, each at its place: a number that is larger the later it sorts."""

    def __init__(self) -> None:
        self._sorted: list[str] = [""]
        self._places: dict[str, Fraction] = {"": Fraction(0)}

    def place(self, text: str) -> Fraction:
        """The text's number; the smallest, that of the empty text, is 0."""
        if text not in self._places:
            index = bisect_left(self._sorted, text)
            below = self._places[self._sorted[index - 1]]
            above = self._places[self._sorted[index]] if index < len(self._sorted) else below + 2
            self._places[text] = (below + above) / 2
            insort(self._sorted, text)
        return self._places[text]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sorted)

    def around(self, place: Fraction) -> tuple[str, str | None]:
        """The last text at or before the place, and the first one after it if there is one."""
        places = [self._places[text] for text in self._sorted]
        index = next((i for i, each in enumerate(places) if each > place), len(places))
        after = self._sorted[index] if index < len(places) else None
        return self._sorted[index - 1], after


def end_of_prefix(prefix: str) -> str | None:
    """The first text after all that start with the prefix; None when there is none."""
    stem = prefix.rstrip(_LAST)
    if not stem:
        return None
    return stem[:-1] + _following(stem[-1])


def parts(operator: TextOperator, text: str) -> frozenset[str] | None:
    """Every text that this one starts with, ends with or contains; None when they are too many."""
    whole = range(len(text) + 1)
    if operator == "startsWith":
        return frozenset(text[:end] for end in whole)
    if operator == "endsWith":
        return frozenset(text[start:] for start in whole)
    if len(text) > _LARGEST_TEXT:
        return None
    return frozenset(text[start:end] for start in whole for end in range(start, len(text) + 1))


def text_between(
    below: str, above: str | None, wanted: Sequence[Test], unwanted: Sequence[Test]
) -> str | None:
    """A text after `below` and before `above` that passes the wanted tests and none of the others,
    as readable as can be; None when none is found, which does not say that there is none."""
    ends = max((test.part for test in wanted if test.operator == "endsWith"), key=len, default="")
    inside = [test.part for test in wanted if test.operator == "contains"]
    middle = "".join(part for part in inside if part not in ends)
    for stem in _stems(below):
        for filler in _FILLERS:
            text = stem + filler + middle + ends
            if (
                text > below
                and (above is None or text < above)
                and all(test.holds(text) for test in wanted)
                and not any(test.holds(text) for test in unwanted)
            ):
                return text
    return None


def _stems(below: str) -> Iterator[str]:
    """Beginnings of texts that come after `below`, or do once something is added."""
    yield below
    for length in reversed(range(len(below))):
        if below[length] != _LAST:
            yield below[:length] + _following(below[length])
    yield from ("a", "m", "z")


def _following(character: str) -> str:
    # No text holds half a surrogate pair, so that nothing lies between these two.
    return "\ue000" if character == "\ud7ff" else chr(ord(character) + 1)

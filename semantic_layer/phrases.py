"""The words of a business request: which of them name an entity, a segment or a customer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from semantic_layer.model import Entity, Model, Segment
from semantic_layer.view import found_by_name

# Words that carry no meaning of their own here. A word that is in none of the lists is part of a
# name, or not understood; it is never passed over.
_FILLERS = frozenset(
    """
    a all an and any are at belonging by can could did display do does fetch find for from get give
    has have how i in is list load look lookup many me need number of on our please pull retrieve
    see show tell that the their there they this to up us want we were what which who whose with you
    """.split()
)
_WORD = re.compile(r"[^\s,;:?!\"“”()]+")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True)
class Reading:
    """One way to read a request: whose, which of them, and what."""

    entity: Entity
    segments: tuple[Segment, ...] = ()
    customer: str | None = None

    def words(self) -> str:
        """The reading in words that would be read the same way again."""
        if self.entity.resolved_from is not None and self.customer is not None:
            return f"{self.entity.name} {self.customer}"
        kinds = [segment.name.replace("_", " ") for segment in self.segments]
        what = " ".join([*kinds, self.entity.plural_words])
        return what if self.customer is None else f"{what} of {self.customer}"

    def of(self, customer: str) -> Reading:
        """The same of another customer."""
        return replace(self, customer=customer)


class Vocabulary:
    """What the words of the model are, and how a request is made of them.

    `model` is the part that exists for whoever asks: words for the rest mean nothing to them.
    """

    def __init__(self, model: Model) -> None:
        self._entities = [e for e in model.entities.values() if e.within is None]
        # None when no customer can be asked for by name: then no words are read as one.
        self._customer = next((e for e in self._entities if found_by_name(e)), None)
        self._names = {
            words: entity for entity in self._entities for words in _entity_words(entity)
        }

    def read(self, text: str) -> list[Reading]:
        """All ways to read a request; none when a word cannot be placed."""
        words = _words(text)
        found: dict[str, Reading] = {}
        for entity, rest in self._entity_readings(words):
            reading = self._with_segments(entity, rest)
            if reading is not None:
                found.setdefault(reading.words(), reading)
        return list(found.values())

    def unknown(self, text: str) -> str:
        """The words of a request that name nothing in the model."""
        words = _words(text)
        known = {word for names in self._names for word in names}
        left = [word for word in words if _plain(word) not in known | _FILLERS]
        return " ".join(left) or text.strip()

    def sample(self) -> Reading:
        """A request that would be understood, with as much in it as can be."""
        readings = [
            Reading(
                entity,
                tuple(entity.segments.values())[:1],
                "Acme" if self._belongs_to_customers(entity, ()) else None,
            )
            for entity in self._entities
            if entity is not self._customer or len(self._entities) == 1
        ]
        return max(readings, key=lambda each: (each.customer is not None, bool(each.segments)))

    def examples(self, unknown: str) -> list[str]:
        """Requests that would be understood, near to words that were not."""
        names = {" ".join(words): entity for words, entity in self._names.items()}
        close = get_close_matches(unknown.lower(), names, n=3, cutoff=0.6)
        return list(dict.fromkeys(names[name].plural_words for name in close))

    def _entity_readings(
        self, words: Sequence[str]
    ) -> Iterator[tuple[Entity, tuple[Sequence[str], ...]]]:
        """Each place where an entity is named, the longest names first, with what stands around."""
        places: list[tuple[int, int, Entity]] = []
        for start in range(len(words)):
            for end in range(len(words), start, -1):
                entity = self._names.get(tuple(_plain(word) for word in words[start:end]))
                if entity is not None:
                    places.append((start, end, entity))
                    break
        others = [place for place in places if place[2] is not self._customer]
        # "customer Acme's tickets" asks for tickets; "customer" only says what Acme is. "Tickets
        # and invoices of Acme" are two requests: each is read without the words of the other.
        chosen = others or places
        taken = {at for start, end, _ in chosen for at in range(start, end)}
        left = ["and" if at in taken else word for at, word in enumerate(words)]
        for start, end, entity in chosen:
            yield entity, (left[:start], left[end:])
        if not places and words and self._customer is not None:
            # A bare name: "Acme".
            yield self._customer, (words, ())

    def _with_segments(self, entity: Entity, around: tuple[Sequence[str], ...]) -> Reading | None:
        segments: list[Segment] = []
        names: list[str] = []
        for part in around:
            left = part
            for segment, phrase in _segment_words(entity):
                left, hit = _take(left, phrase)
                if hit and segment not in segments:
                    segments.append(segment)
            name = self._name(left)
            if name:
                names.append(name)
        if len(names) > 1:
            return None
        if names and not self._belongs_to_customers(entity, segments):
            return None
        return Reading(entity, tuple(segments), names[0] if names else None)

    def _belongs_to_customers(self, entity: Entity, segments: Sequence[Segment]) -> bool:
        """Whether a customer's name can go with the entity: one customer has no segments, and our
        own users belong to none."""
        if self._customer is None:
            return False
        if entity is self._customer:
            return not segments
        relations = self._customer.spec.relations.values()
        return any(relation.target == entity.name for relation in relations)

    def _name(self, words: Sequence[str]) -> str:
        """What is left when fillers are taken off both ends is a customer's name."""
        entity = self._customer
        names = _entity_words(entity) if entity is not None else ()
        customer = {word for name in names for word in name}
        kept = list(words)
        while kept and _plain(kept[0]) in _FILLERS | customer:
            kept.pop(0)
        while kept and _plain(kept[-1]) in _FILLERS | customer:
            kept.pop()
        return _POSSESSIVE.sub("", " ".join(kept))


def _words(text: str) -> list[str]:
    return [word.strip(".") for word in _WORD.findall(text) if word.strip(".'’")]


def _plain(word: str) -> str:
    return _POSSESSIVE.sub("", word.casefold())


def _entity_words(entity: Entity) -> Iterator[tuple[str, ...]]:
    for name in (entity.name, entity.plural, *entity.synonyms):
        for form in (name, _plural(name)):
            yield tuple(form.replace("_", " ").casefold().split())


def _segment_words(entity: Entity) -> list[tuple[Segment, tuple[str, ...]]]:
    """Longer phrases first, so that "closed won" is not read as "won"."""
    found = [
        (segment, tuple(name.replace("_", " ").casefold().split()))
        for segment in entity.segments.values()
        for name in (segment.name, *segment.synonyms)
    ]
    return sorted(found, key=lambda pair: -len(pair[1]))


def _take(words: Sequence[str], phrase: tuple[str, ...]) -> tuple[Sequence[str], bool]:
    """The words without a phrase, and whether it stood there."""
    plain = [word.casefold() for word in words]
    for start in range(len(words) - len(phrase) + 1):
        if tuple(plain[start : start + len(phrase)]) == phrase:
            return [*words[:start], *words[start + len(phrase) :]], True
    return words, False


def _plural(name: str) -> str:
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name if name.endswith("s") else name + "s"

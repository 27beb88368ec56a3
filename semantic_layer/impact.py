"""What a change of policies means for people: who gains and loses what, in numbers and words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access_policies import Principal

_NAMED = 5
_KEPT = 20
_TITLE_LENGTH = 60


@dataclass(frozen=True)
class FieldChange:
    """A field on rows that are seen before and after: on how many it comes to stand in the clear,
    comes to be masked, and is masked in another way."""

    unmasked: int = 0
    masked: int = 0
    changed: int = 0

    def __bool__(self) -> bool:
        return bool(self.unmasked or self.masked or self.changed)


@dataclass(frozen=True)
class Change:
    """What one caller gains and loses of an entity; `fields` has those that change on some row."""

    gained: int
    lost: int
    fields: Mapping[str, FieldChange]

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.fields)


@dataclass(frozen=True)
class Affected:
    """A caller to whom something changes."""

    principal: Principal
    change: Change


@dataclass(frozen=True)
class Sample:
    """A row, as the approver sees it already."""

    id: UUID
    title: str


@dataclass(frozen=True, kw_only=True)
class EntityImpact:
    """What changes of one entity. A row counts once for each caller who gains or loses it."""

    entity: str
    plural: str
    rows: int  # in the index, deleted ones aside
    groups: int  # of callers with the same visibility before and after
    affected: tuple[Affected, ...]
    gained_samples: tuple[Sample, ...] = ()
    lost_samples: tuple[Sample, ...] = ()

    @property
    def gained(self) -> int:
        return sum(each.change.gained for each in self.affected)

    @property
    def lost(self) -> int:
        return sum(each.change.lost for each in self.affected)

    @property
    def gainers(self) -> list[Affected]:
        """The callers who gain rows, the largest gain first."""
        return _largest(self.affected, lambda change: change.gained)

    @property
    def losers(self) -> list[Affected]:
        """The callers who lose rows, the largest loss first."""
        return _largest(self.affected, lambda change: change.lost)

    def fields(self) -> dict[str, FieldChange]:
        """The sums over all callers, by field."""
        names = sorted({name for each in self.affected for name in each.change.fields})
        return {name: self._sum(name) for name in names}

    def _sum(self, name: str) -> FieldChange:
        found = [each.change.fields.get(name, FieldChange()) for each in self.affected]
        return FieldChange(
            unmasked=sum(each.unmasked for each in found),
            masked=sum(each.masked for each in found),
            changed=sum(each.changed for each in found),
        )


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What changes when a version of the policies takes the place of another.

    `entities` has each entity whose policy means something else, also when that affects nobody.
    """

    at: datetime
    principals: int  # looked at
    entities: tuple[EntityImpact, ...]

    @property
    def gained(self) -> int:
        return sum(each.gained for each in self.entities)

    @property
    def lost(self) -> int:
        return sum(each.lost for each in self.entities)

    @property
    def affected(self) -> frozenset[Principal]:
        """The callers to whom something changes."""
        return frozenset(each.principal for entity in self.entities for each in entity.affected)

    @property
    def people(self) -> frozenset[str]:
        """The users among them, on their own or through an agent."""
        return frozenset(each.user for each in self.affected if each.user is not None)

    @property
    def agents_alone(self) -> frozenset[str]:
        """The agents among them that act for nobody."""
        alone = (each for each in self.affected if each.user is None)
        return frozenset(each.agent for each in alone if each.agent is not None)

    def lines(self) -> list[str]:
        """The preview for a terminal, in words."""
        if not self.affected:
            looked_at = _count(self.principals, "caller")
            return [f"Nobody gains or loses anything ({looked_at} looked at)."]
        lines = [
            f"{self._who()} would see something else ({_count(self.principals, 'caller')} looked"
            " at).",
            f"Counted once for each caller: {_count(self.gained, 'row')} gained,"
            f" {self.lost:,} lost.",
        ]
        for entity in self.entities:
            lines += ["", *_entity_lines(entity)]
        return lines

    def _who(self) -> str:
        agents = len(self.agents_alone)
        own = "on its own" if agents == 1 else "on their own"
        parts = [
            (len(self.people), _count(len(self.people), "person", "people")),
            (agents, f"{_count(agents, 'agent')} {own}"),
        ]
        return " and ".join(words for number, words in parts if number) or "Nameless callers"

    def as_evidence(self) -> dict[str, object]:
        """The preview for the history, as JSON: counts and names, and of samples only the ids."""
        return {
            "at": self.at.isoformat(),
            "principals": self.principals,
            "affected": len(self.affected),
            "people": len(self.people),
            "agents_alone": len(self.agents_alone),
            "gained": self.gained,
            "lost": self.lost,
            "entities": {each.entity: _entity_evidence(each) for each in self.entities},
        }


def _largest(affected: Iterable[Affected], size: Callable[[Change], int]) -> list[Affected]:
    found = [each for each in affected if size(each.change)]
    return sorted(found, key=lambda each: (-size(each.change), _name(each.principal)))


def _entity_lines(entity: EntityImpact) -> Iterator[str]:
    yield f"{entity.plural.capitalize()} ({_count(entity.rows, 'row')})"
    if not entity.affected:
        yield "  nobody is affected"
        return
    gainers, losers = entity.gainers, entity.losers
    if gainers:
        yield f"  {_count(entity.gained, 'row')} gained by {_count(len(gainers), 'caller')}:" + (
            _named((each.principal, each.change.gained) for each in gainers)
        )
        yield from _sample_lines(entity.gained_samples)
    if losers:
        yield f"  {_count(entity.lost, 'row')} lost by {_count(len(losers), 'caller')}:" + (
            _named((each.principal, each.change.lost) for each in losers)
        )
        yield from _sample_lines(entity.lost_samples)
    for name in entity.fields():
        yield from _field_lines(entity, name)


def _field_lines(entity: EntityImpact, name: str) -> Iterator[str]:
    parts: tuple[tuple[str, Callable[[FieldChange], int]], ...] = (
        ("shown in the clear", lambda change: change.unmasked),
        ("masked", lambda change: change.masked),
        ("masked in another way", lambda change: change.changed),
    )
    for words, size in parts:
        found = [
            (each.principal, size(each.change.fields[name]))
            for each in entity.affected
            if name in each.change.fields and size(each.change.fields[name])
        ]
        if found:
            rows = _count(sum(rows for _, rows in found), "row")
            found.sort(key=lambda item: (-item[1], _name(item[0])))
            callers = _count(len(found), "caller")
            yield f"  {name} is now {words} on {rows} for {callers}:{_named(found)}"


def _named(sizes: Iterable[tuple[Principal, int]]) -> str:
    every = [f" {_name(principal)} {size:,}" for principal, size in sizes]
    more = f" and {len(every) - _NAMED:,} more" if len(every) > _NAMED else ""
    return ",".join(every[:_NAMED]) + more


def _sample_lines(samples: Iterable[Sample]) -> Iterator[str]:
    titles = [f"“{_printable(each.title)}”" for each in samples]
    if titles:
        yield f"    such as {', '.join(titles)}"


def _name(principal: Principal) -> str:
    if principal.user is None:
        name = "nobody" if principal.agent is None else f"{principal.agent} on its own"
    else:
        name = principal.user + (f" with {principal.agent}" if principal.agent else "")
    return f"{name} for {principal.purpose}" if principal.purpose else name


def _printable(title: str) -> str:
    """A title comes from a source: nothing in it may steer a terminal."""
    text = "".join(letter if letter.isprintable() else " " for letter in title)
    return text if len(text) <= _TITLE_LENGTH else text[: _TITLE_LENGTH - 1] + "…"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _entity_evidence(entity: EntityImpact) -> dict[str, object]:
    return {
        "rows": entity.rows,
        "groups": entity.groups,
        "affected": len(entity.affected),
        "gained": entity.gained,
        "lost": entity.lost,
        "fields": {name: vars(change) for name, change in entity.fields().items()},
        "gainers": [_caller_evidence(each) for each in entity.gainers[:_KEPT]],
        "losers": [_caller_evidence(each) for each in entity.losers[:_KEPT]],
        "samples": {
            "gained": [str(each.id) for each in entity.gained_samples],
            "lost": [str(each.id) for each in entity.lost_samples],
        },
    }


def _caller_evidence(affected: Affected) -> dict[str, object]:
    principal, change = affected.principal, affected.change
    return {
        "user": principal.user,
        "agent": principal.agent,
        "purpose": principal.purpose,
        "gained": change.gained,
        "lost": change.lost,
    }

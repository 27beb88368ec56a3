"""A first mapping.yaml for a connector that has none, made of its schema and the business model.

Names and types can only be guessed at, so each guess carries a comment for the person who goes
through it, and what a schema cannot tell (which status means what) is left to that person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from index.specs import FieldSpec, FieldType
from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.mapping.likeness import Property, likeness, properties, singular, words
from semantic_layer.model import Entity, Model

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_GONE = ("deleted", "is_deleted", "archived", "is_archived", "removed")
_OWN_FIELDS = ("custom_fields", "custom", "custom_attributes", "metadata", "properties")
# By these it is found out which accounts are the same customer.
_TRANSFORMS = {"email": "lower", "domains": "host"}
_COMMON = frozenset({"name", "number", "created_at", "updated_at"})  # of nearly everything
_ENOUGH_FIELDS = 3  # others that are alike, for a stream whose name says nothing


@dataclass
class _Match:
    """A stream that may hold the rows of an entity."""

    stream: DiscoveredStream
    entity: Entity
    by_name: bool
    found: dict[str, Property] = field(default_factory=dict)  # by field of the model

    @property
    def strength(self) -> tuple[bool, int]:
        return self.by_name, len(self.found)


def propose_mapping(streams: Sequence[DiscoveredStream], model: Model) -> str:
    """The text of a mapping, which `load_mapping` takes as it is, with a comment at each guess.

    Streams of which no entity could be recognized stay records, and are listed at the end.
    """
    matches = _matches(streams, model)
    lines = [
        "# A proposal, made of names and types alone. Look at every line, and settle each DECIDE.",
        "streams:" if matches else "streams: {}",
    ]
    by_entity = {match.entity.name: match.stream.name for match in matches}
    for match in _parents_first(matches, by_entity):
        lines += [f"  {line}".rstrip() for line in _stream(match, by_entity)]
    placed = set(by_entity.values())
    left = [stream for stream in streams if stream.name not in placed]
    if left:
        lines += ["", "# Not recognized; these stay records without a business meaning:"]
        lines += [f"#   {_plain(stream.name)} (key: {stream.key})" for stream in left]
    return "\n".join(lines) + "\n"


def _matches(streams: Sequence[DiscoveredStream], model: Model) -> list[_Match]:
    """Each stream with the entity it is most like; an entity comes from one stream only."""
    entities = [entity for entity in model.entities.values() if not entity.spec.resolved]
    candidates = [
        match
        for stream in streams
        for entity in entities
        if (match := _match(stream, entity)).by_name
        or len(match.found.keys() - _COMMON) >= _ENOUGH_FIELDS
    ]
    chosen: list[_Match] = []
    for match in sorted(candidates, key=lambda match: match.strength, reverse=True):
        if not any(
            match.stream.name == other.stream.name or match.entity.name == other.entity.name
            for other in chosen
        ):
            chosen.append(match)
    return chosen


def _match(stream: DiscoveredStream, entity: Entity) -> _Match:
    names = {singular(words(name)) for name in (entity.name, entity.plural, *entity.synonyms)}
    name = singular(words(stream.name))
    found = list(properties(stream.json_schema))
    # Weaker names first, so that the best one of each field stays.
    best = {
        field.name: candidate
        for field in entity.spec.fields.values()
        for candidate in sorted(
            (
                one
                for one in found
                if one.fits(field.type) and likeness(field.name, one, about=(*names,))
            ),
            key=lambda one: likeness(field.name, one, about=(*names,)),
        )
    }
    return _Match(stream, entity, name in names or name.rpartition("_")[2] in names, best)


def _parents_first(matches: Sequence[_Match], by_entity: dict[str, str]) -> list[_Match]:
    by_stream = {match.stream.name: match for match in matches}
    sorter = TopologicalSorter(
        {
            name: {target for _, _, target in _references(match, by_entity)} - {name}
            for name, match in by_stream.items()
        }
    )
    try:
        return [by_stream[name] for name in sorter.static_order()]
    except CycleError:
        return list(matches)


def _stream(match: _Match, by_entity: dict[str, str]) -> Iterator[str]:
    stream, entity = match.stream, match.entity
    used = {found.path for found in match.found.values()}
    known = {found.path: found for found in properties(stream.json_schema)}
    yield f"{_plain(stream.name)}:"
    yield f"  {_key(stream, known)}"
    if updated := match.found.get("updated_at"):
        yield f"  updated_at: {_plain(updated.path)}  # guess: orders versions of a record"
    for path in (path for path in known if words(path) in _GONE):
        used.add(path)
        if known[path].types == {"boolean"}:
            yield f"  # deleted: {{{_plain(path)}: true}}  # guess: if so, take the # away"
            break
        yield f"  # DECIDE deleted: does {_plain(path)} say that the source has it no more?"
    yield "  entities:"
    why = "by its name" if match.by_name else "by its fields"
    yield f"    - entity: {entity.name}  # guess, {why}"
    yield from (f"      {line}" for line in _fields(match, known, used))
    references = list(_references(match, by_entity))
    if references:
        yield "      references:"
    for column, found, target in references:
        used.add(found.path)
        yield (
            f"        {column}: {{path: {_plain(found.path)}, stream: {_plain(target)}}}  # guess"
        )
    own = [path for path in known if words(path) in _OWN_FIELDS and "object" in known[path].types]
    if own:
        used.update(own)
        yield f"      custom: [{', '.join(map(_plain, own))}]  # guess: fields of your own making"
    yield from _remarks(match, known, used)


def _fields(match: _Match, known: dict[str, Property], used: set[str]) -> Iterator[str]:
    lines: list[str] = []
    for spec in match.entity.spec.fields.values():
        found = match.found.get(spec.name)
        if found is None:
            continue
        if spec.type is FieldType.ENUM:
            lines += _enum(spec, found)
        elif spec.type is FieldType.MONEY:
            lines += _money(spec, found, known, used)
        else:
            same = words(found.path) == spec.name
            value = _plain(found.path)
            if transform := _TRANSFORMS.get(spec.name):
                value = f"{{path: {value}, as: {transform}}}"
            lines.append(f"{spec.name}: {value}" + ("" if same else "  # guess"))
    # A comment alone is no value.
    live = any(not line.startswith("#") for line in lines)
    yield "fields:" if live else "fields: {}"
    yield from (f"  {line}" for line in lines)


def _enum(spec: FieldSpec, found: Property) -> Iterator[str]:
    """What means the same by its name; which other values mean what, only a person can say."""
    ours = {words(value): value for value in spec.values}
    same = {value: ours[words(value)] for value in found.values if words(value) in ours}
    other = [value for value in found.values if value not in same]
    mark = "" if same else "# "
    if not same:
        yield f"# DECIDE {spec.name}: say which value means what, then take the # away"
    yield f"{mark}{spec.name}:"
    yield f"{mark}  path: {_plain(found.path)}"
    pairs = ", ".join(f"{_plain(theirs)}: {target}" for theirs, target in same.items())
    yield f"{mark}  map: {{{pairs}}}  # one of {', '.join(spec.values)}"
    if other:
        yield f"#  DECIDE not placed: {', '.join(map(_plain, other))}"


def _money(
    spec: FieldSpec, found: Property, known: dict[str, Property], used: set[str]
) -> Iterator[str]:
    currency = max(
        (one for one in known.values() if likeness("currency", one)),
        key=lambda one: likeness("currency", one),
        default=None,
    )
    unit = "minor" if found.types == {"integer"} else "major"
    place = _plain(currency.path) if currency is not None else "DECIDE"
    value = f"{spec.name}: {{{unit}: {_plain(found.path)}, currency: {place}}}"
    if currency is None:
        yield f"# {value}  # DECIDE: where is the currency?"
        return
    used.add(currency.path)
    yield f"{value}  # guess: minor is cents, major is whole units"


def _references(match: _Match, by_entity: dict[str, str]) -> Iterator[tuple[str, Property, str]]:
    """Foreign keys: the column, the property that holds it, and the stream that it points to."""
    done: set[str] = set()
    known = list(properties(match.stream.json_schema))
    for relation in match.entity.spec.relations.values():
        target = by_entity.get(relation.target)
        if relation.kind != "one" or relation.column in {"id", *done} or target is None:
            continue
        stem = singular(words(target))
        wanted = [relation.column, f"{relation.name}_id", f"{stem}_id", relation.name, stem]
        ranked = [
            (wanted.index(words(found.path)), found)
            for found in known
            if found.fits(FieldType.ID) and words(found.path) in wanted
        ]
        if ranked:
            done.add(relation.column)
            yield relation.column, min(ranked, key=lambda pair: pair[0])[1], target


def _key(stream: DiscoveredStream, known: dict[str, Property]) -> str:
    if not stream.primary_key:
        if "id" in known:
            return "key: id  # guess: the source does not say what tells records apart"
        return "key: null  # DECIDE: the source names no key; a hash of the whole content stands in"
    if len(stream.primary_key) == 1 and "." not in "".join(stream.primary_key[0]):
        return f"key: {_plain('.'.join(stream.primary_key[0]))}"
    return f"key: {json.dumps(stream.primary_key, ensure_ascii=False)}"


def _remarks(match: _Match, known: dict[str, Property], used: set[str]) -> Iterator[str]:
    missing = [name for name in match.entity.spec.fields if name not in match.found]
    if missing:
        yield f"      # Nothing found for {', '.join(missing)}."
    keys = {".".join(path) for path in match.stream.primary_key}
    heads = {path.partition(".")[0] for path in used}
    left = [path for path in known if path not in used | keys | heads and "." not in path]
    dotted = [name for name in match.stream.json_schema.get("properties") or () if "." in name]
    if left or dotted:
        yield f"      # Not placed: {', '.join(map(_plain, [*left, *dotted]))}."


def _plain(name: str) -> str:
    """A name as YAML takes it for a text."""
    if _PLAIN.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    return json.dumps(name, ensure_ascii=False)

"""What of the model exists for a caller.

A schema, a description and a vocabulary are made of the part that a view leaves. They are a
courtesy and a first wall: whatever is asked is decided again, row by row, where it is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from access_policies import Visibility
from index.errors import NotPermitted
from index.predicate import Predicate, any_rows, attributes
from index.specs import EntitySpec
from semantic_layer.model import Entity, Model


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An entity of which the caller may see rows. Fields that are named in neither set stand in the
    clear on every row."""

    entity: str
    absent: frozenset[str] = frozenset()  # null on every row
    masked: frozenset[str] = frozenset()  # masked on some row


@dataclass(frozen=True)
class View:
    """The entities and fields that exist for a caller; callers with equal views can share all that
    is made of them."""

    seen: tuple[Seen, ...]

    @classmethod
    def whole(cls, model: Model) -> View:
        """The view of somebody who may see everything."""
        return cls(tuple(Seen(entity=name) for name in model.entities))

    @classmethod
    def of(cls, model: Model, visibility: Callable[[str], Visibility]) -> View:
        """The view of whoever has this visibility of each entity."""
        visibilities = {name: visibility(name) for name in model.entities}
        return cls(
            tuple(
                _seen(visibilities[name])
                for name in model.entities
                if _reachable(model, name, visibilities)
            )
        )

    def clear(self, entity: str, field: str) -> bool:
        """Whether the field is in the clear on every row, so that it may be filtered and sorted by;
        false as well of an entity that is not there."""
        seen = self._by_entity.get(entity)
        return seen is not None and field not in seen.absent | seen.masked

    def part(self, model: Model) -> Model:
        """The model with nothing that does not exist in this view.

        The title of an entity is empty where its rows cannot be looked up by it. Raises
        NotPermitted when nothing is left.
        """
        if not self.seen:
            raise NotPermitted(
                "There is nothing here that you may see: no policy shows you any rows. Ask a data"
                " owner for access, and name your purpose if you have one."
            )
        return replace(
            model, entities={seen.entity: self._entity(model, seen) for seen in self.seen}
        )

    @cached_property
    def _by_entity(self) -> Mapping[str, Seen]:
        return {seen.entity: seen for seen in self.seen}

    def _entity(self, model: Model, seen: Seen) -> Entity:
        entity = model[seen.entity]
        fields = {
            name: field for name, field in entity.spec.fields.items() if name not in seen.absent
        }
        relations = {
            name: relation
            for name, relation in entity.spec.relations.items()
            if relation.target in self._by_entity
        }
        return replace(
            entity,
            spec=replace(entity.spec, fields=fields, relations=relations),
            title=entity.title if self.clear(entity.name, entity.title) else "",
            order=tuple(
                order for order in entity.order if self.clear(entity.name, order.removeprefix("-"))
            ),
            brief=tuple(name for name in entity.brief if name in fields),
            segments={
                name: segment
                for name, segment in entity.segments.items()
                if self._reads_only_clear(model, entity.spec, segment.when)
            },
        )

    def _reads_only_clear(self, model: Model, spec: EntitySpec, predicate: Predicate) -> bool:
        """Whether a filter by the predicate tells nothing but what the caller may read."""
        for path in attributes(predicate):
            there = self._at(model, spec, path[:-1])
            if there is None or not self.clear(there.name, path[-1]):
                return False
        for each in any_rows(predicate):
            there = self._at(model, spec, each.path)
            if there is None or not self._reads_only_clear(model, there, each.condition):
                return False
        return True

    def _at(self, model: Model, spec: EntitySpec, path: tuple[str, ...]) -> EntitySpec | None:
        """The entity that relations lead to; None where one on the way is not there."""
        for relation in path:
            target = spec.relations[relation].target
            if target not in self._by_entity:
                return None
            spec = model[target].spec
        return spec


def found_by_name(entity: Entity) -> bool:
    """Whether one row of the entity can be asked for by its name."""
    return entity.resolved_from is not None and bool(entity.title)


def _seen(visibility: Visibility) -> Seen:
    absent = frozenset(name for name in visibility.masks if visibility.hidden(name))
    return Seen(
        entity=visibility.entity, absent=absent, masked=frozenset(visibility.masks) - absent
    )


def _reachable(model: Model, name: str, visibilities: Mapping[str, Visibility]) -> bool:
    """Whether there are rows to be seen, and a way to them from outside."""
    owner = model[name].within
    return not visibilities[name].sees_nothing and (
        owner is None or _reachable(model, owner, visibilities)
    )

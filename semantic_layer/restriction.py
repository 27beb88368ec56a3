"""What a visibility leaves of an entity's table, kept for the statements that need it again.

Of all that precedes a statement, writing a caller's rules as SQL takes longest, and it comes out
alike at each request of a caller whom the rules treat alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import ColumnElement, false

from access_policies import Visibility
from index.predicate import Truth, filter_sql
from index.specs import EntitySpec
from semantic_layer.place import EntityPlace, Frame, alias

_KEPT = 512
_OF_ONE_ENTITY = 8
"""Restrictions of an entity that are kept for one caller: for as many places of a statement."""


@dataclass(frozen=True)
class Restriction:
    """The conditions that a visible row fulfils, at a place with the joins that they take. Nothing
    in it belongs to one request; whoever needs more joins adds them to a place of their own."""

    place: EntityPlace
    conditions: tuple[ColumnElement[bool], ...]


def restriction(
    frame: Frame, spec: EntitySpec, visibility: Visibility, number: int | None
) -> Restriction:
    """The restriction for the place of that number among those of the entity in a statement.

    No two places of a statement may have the same, as they would share an alias; without a number
    it is made anew.
    """
    asked = _Asked(frame, spec, visibility, number)
    keep = number is not None and number < _OF_ONE_ENTITY and visibility.timeless
    if not keep or isinstance(visibility.rows, Truth):
        return _make(asked)
    return _keep(asked)


class _Asked:
    """What a restriction is made of, as a key. Visibilities are compared by identity: those of a
    snapshot are made once, and walking through all their rules would take as long as SQL does."""

    def __init__(
        self, frame: Frame, spec: EntitySpec, visibility: Visibility, number: int | None
    ) -> None:
        # What is kept must not hold on to the request that it was made for.
        self.frame = replace(frame, visible=lambda _entity, _table: false())
        self.spec = spec
        self.visibility = visibility
        self.number = number
        self._key = (id(visibility), id(frame.tables), id(spec), frame.tenant, number)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._key == other._key


def _make(asked: _Asked) -> Restriction:
    frame = asked.frame
    use = None if asked.number is None else (asked.spec.name, asked.number)
    table = alias(frame.tables[asked.spec.name], use)
    place = EntityPlace(frame, asked.spec, table, use=use)
    visible = filter_sql(asked.visibility.rows, place, frame.now)
    alive = (table.c.tenant_id == frame.tenant, table.c.deleted_at.is_(None))
    return Restriction(place, (*alive, visible))


_keep = lru_cache(maxsize=_KEPT)(_make)

"""What a decision in Python needs to know of a row: exactly what the policy of its entity reads.

All of it comes unmasked, to decide about rows and never for an answer. A row is one JSON object,
its parents are objects in it and the rows below it lists of such, read back by the fields' types,
so that `evaluate` sees the values that SQL sees.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from index.predicate import Predicate, any_rows, attributes, coerce
from index.specs import EntitySpec, EntitySpecs, FieldSpec, FieldType
from semantic_layer.compiler import Compiler
from semantic_layer.json_sql import EMPTY_LIST, json_object
from semantic_layer.place import EntityPlace

_AT_ONCE = 250  # rows a query, so that a long list of decisions lets other requests through


@dataclass(frozen=True)
class Facts:
    """Loads what the policies of a snapshot read; `predicates` are those of an entity's policy."""

    compiler: Compiler
    predicates: Callable[[str], Sequence[Predicate]]

    async def of(
        self, connection: AsyncConnection, entity: str, ids: Sequence[UUID]
    ) -> AsyncIterator[tuple[UUID, dict[str, Any]]]:
        """Each of the rows by its id, whether or not the caller may see it, without those that are
        gone."""
        spec, specs = self.compiler.model[entity].spec, self.compiler.model.specs
        for start in range(0, len(ids), _AT_ONCE):
            rows = self._rows(entity, ids[start : start + _AT_ONCE])
            for row_id, facts in await connection.execute(rows):
                yield row_id, read_facts(facts, spec, specs)

    def _rows(self, entity: str, ids: Sequence[UUID]) -> Select[Any]:
        table = self.compiler.tables[entity].alias()
        place = self.compiler.scope(entity, chosen=table)
        columns = facts_columns(place, self.predicates(entity))
        # One array, so that the statement's text does not depend on how many there are.
        chosen = table.c.id == any_(literal(list(ids), ARRAY(Uuid)))
        ours = (table.c.tenant_id == self.compiler.tenant, table.c.deleted_at.is_(None))
        return select(*columns).select_from(place.source).where(chosen, *ours)


def facts_columns(place: EntityPlace, predicates: Iterable[Predicate]) -> list[ColumnElement[Any]]:
    """The row's `id`, and as `facts` all that the predicates read of it, of its parents and of the
    rows below it."""
    reads = _Reads()
    reads.add(predicates)
    return [place.table.c.id, _object(place, (), place.spec, reads).label("facts")]


def read_facts(facts: Mapping[str, Any], spec: EntitySpec, specs: EntitySpecs) -> dict[str, Any]:
    """The JSON of `facts` as predicates read a row: `{"status": …, "customer": {"region": …}}`."""
    row: dict[str, Any] = {}
    for name, value in facts.items():
        if name in spec.fields:
            row[name] = _value(spec.fields[name], value)
            continue
        target = specs[spec.relations[name].target]
        if isinstance(value, list):
            row[name] = tuple(read_facts(each, target, specs) for each in value)
        else:
            row[name] = None if value is None else read_facts(value, target, specs)
    return row


@dataclass
class _Reads:
    """What is read of one row: its fields, and what is read of those that relations lead to."""

    fields: set[str] = field(default_factory=set)
    relations: dict[str, _Reads] = field(default_factory=dict)

    def add(self, predicates: Iterable[Predicate]) -> None:
        for predicate in predicates:
            for path in attributes(predicate):
                self._at(path[:-1]).fields.add(path[-1])
            for each in any_rows(predicate):
                self._at(each.path).add([each.condition])

    def _at(self, path: tuple[str, ...]) -> _Reads:
        found = self
        for relation in path:
            found = found.relations.setdefault(relation, _Reads())
        return found


def _object(
    place: EntityPlace, path: tuple[str, ...], spec: EntitySpec, reads: _Reads
) -> ColumnElement[Any]:
    """What is read of the row at the end of a path over relations to one row."""
    parts = [
        (name, _shown(spec.fields[name], place.column((*path, name))))
        for name in sorted(reads.fields)
    ]
    for name, below in sorted(reads.relations.items()):
        parts.append((name, _behind(place, (*path, name), spec, below)))
    return json_object(parts)


def _behind(
    place: EntityPlace, path: tuple[str, ...], spec: EntitySpec, reads: _Reads
) -> ColumnElement[Any]:
    if spec.to_one(path[-1]) is not None:
        target = place.target(path)
        return case((place.present(path), _object(place, path, target, reads)), else_=null())
    rows = place.rows(
        path, lambda there: func.json_agg(_object(there, (), there.spec, reads))
    ).scalar_subquery()
    return func.coalesce(rows, EMPTY_LIST)


def _shown(spec: FieldSpec, column: ColumnElement[Any]) -> ColumnElement[Any]:
    # As a JSON number a decimal would lose digits on its way into Python.
    return cast(column, Text) if spec.type is FieldType.DECIMAL else column


def _value(spec: FieldSpec, value: Any) -> Any:
    if value is None:
        return None
    if spec.type is FieldType.TEXT_LIST:
        return tuple(value)  # elements may be null, which no value of a rule may
    return coerce(spec.type, Decimal(value) if spec.type is FieldType.DECIMAL else value)

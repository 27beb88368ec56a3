"""What somebody may search: the one place where a visibility becomes texts that can be found."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select

from index.embedding import VisibleTexts
from semantic_layer.compiler import Compiler
from semantic_layer.scope import Scope


def visible_texts(compiler: Compiler, entity: str) -> VisibleTexts:
    """The rows of an entity that the compiler's caller sees, and the fields that they may search.

    A field that is masked on some row is in none: a hit would tell what the mask withholds. Rows
    that are reached only within another need that one to be visible, too.
    """
    scope = compiler.scope(entity)
    rows = select(scope.table.c.id).select_from(scope.source)
    fields = compiler.model[entity].spec.searchable
    return VisibleTexts(
        tenant=compiler.tenant,
        entity=entity,
        rows=rows.where(*scope.conditions, *_within(compiler, scope)),
        fields=frozenset(name for name in fields if scope.visibility.clear(name)),
    )


def _within(compiler: Compiler, scope: Scope) -> list[ColumnElement[bool]]:
    owner = scope.entity.within
    if owner is None:
        return []
    above = compiler.scope(owner)
    ways: list[Any] = [
        scope.table.c[relation.column] == above.table.c.id
        for relation in scope.entity.spec.relations.values()
        if relation.target == owner and relation.kind == "one"
    ]
    there = select(above.table.c.id).select_from(above.source)
    conditions = (*above.conditions, *_within(compiler, above))
    return [there.where(way, *conditions).correlate(scope.table).exists() for way in ways]

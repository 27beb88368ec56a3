"""Documents that use all there is of a schema, made from its introspection alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
)

_SAMPLES = {
    "String": '"x"',
    "Boolean": "true",
    "BigInt": "1",
    "Decimal": "1.5",
    "DateTime": '"2026-10-30T12:00:00Z"',
}


def object_types(schema: GraphQLSchema) -> set[str]:
    """The names of all types that answers are made of."""
    return {
        name
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__")
    }


def members(schema: GraphQLSchema, name: str) -> dict[str, Any]:
    """The members of a type, whatever its kind; none of a type that is not there."""
    kind = schema.type_map.get(name)
    if isinstance(kind, GraphQLEnumType):
        return dict(kind.values)
    if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
        return dict(kind.fields)
    return {}


class EveryField:
    """One document that asks for every field of every type, each where it is met first."""

    def __init__(self, schema: GraphQLSchema, row_id: str) -> None:
        assert schema.query_type is not None
        self.walked: set[str] = set()
        self._given = {"first": "2", "id": f'"{row_id}"'}
        self.document = f"{{ {self._all_of(schema.query_type)} }}"

    def _all_of(self, kind: GraphQLObjectType) -> str:
        self.walked.add(kind.name)
        # Lists first: they lead to rows, where one id would lead to none but one entity's.
        fields = sorted(kind.fields.items(), key=lambda item: "first" not in item[1].args)
        return " ".join(self._selected(name, field) for name, field in fields)

    def _selected(self, name: str, field: GraphQLField) -> str:
        given = [f"{name}: {self._given[name]}" for name in field.args if name in self._given]
        head = f"{name}({', '.join(given)})" if given else name
        kind = get_named_type(field.type)
        if not isinstance(kind, GraphQLObjectType):
            return head
        inside = "__typename" if kind.name in self.walked else self._all_of(kind)
        return f"{head} {{ {inside} }}"


def every_argument(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """For each filter, order and segment type a document that uses all of it, with its name."""
    used: set[str] = set()
    for field, place in _lists(schema):
        for argument in ("where", "orderBy", "segment"):
            kind = get_named_type(field.args[argument].type) if argument in field.args else None
            if kind is None or kind.name in used:
                continue
            used.add(kind.name)
            for value in _values(kind):
                yield place.replace("ARGUMENTS", f"({argument}: {value})"), kind.name


def _lists(schema: GraphQLSchema) -> Iterator[tuple[GraphQLField, str]]:
    """Each list with a document that reads it: those at a root, then those below such a row."""
    below = []
    for root, field in members(schema, "Query").items():
        if "first" not in field.args:
            continue
        yield field, f"{{ {root}ARGUMENTS {{ totalCount nodes {{ id }} }} }}"
        row = get_named_type(field.type).name.removesuffix("Connection")
        for name, inner in members(schema, row).items():
            if "first" in inner.args:
                page = f"{name}ARGUMENTS {{ totalCount nodes {{ id }} }}"
                below.append((inner, f"{{ {root}(first: 3) {{ nodes {{ {page} }} }} }}"))
    yield from below


def _values(kind: GraphQLNamedType) -> Iterator[str]:
    """Values of an argument that together hold all members of its type."""
    if isinstance(kind, GraphQLInputObjectType):
        tests = [
            f"{{{name}: {{{test}: {_sample(operand.type)}}}}}"
            for name, field in kind.fields.items()
            if name not in ("and", "or", "not")
            for test, operand in get_named_type(field.type).fields.items()
        ]
        yield f"{{or: [{', '.join(tests)}], and: [{tests[0]}], not: {tests[-1]}}}"
    elif kind.name.endswith("Order"):
        assert isinstance(kind, GraphQLEnumType)
        for way in ("_ASC", "_DESC"):
            yield f"[{', '.join(name for name in kind.values if name.endswith(way))}]"
    else:
        assert isinstance(kind, GraphQLEnumType)
        yield f"[{', '.join(kind.values)}]"


def _sample(kind: Any) -> str:
    named = get_named_type(kind)
    value = next(iter(named.values)) if isinstance(named, GraphQLEnumType) else _SAMPLES[named.name]
    return f"[{value}]" if is_list_type(kind) else value

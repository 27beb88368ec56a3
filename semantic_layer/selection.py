"""A GraphQL operation, read into the questions of `query`. Nothing is looked up here.

The operation has been validated against the schema before it comes here, so names and types are
right; what is checked here is what a schema cannot say: limits, and where `maxAge` makes sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    SelectionSetNode,
    get_directive_values,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from index.errors import InvalidRequest
from index.predicate import Predicate
from index.specs import FieldType, RelationSpec
from semantic_layer.filters import read_where
from semantic_layer.model import Entity, Model
from semantic_layer.names import camel
from semantic_layer.query import (
    Composite,
    Listing,
    Lookup,
    Many,
    One,
    Order,
    Output,
    PageOutput,
    Root,
    Scalar,
    children,
    rows_at_most,
)
from semantic_layer.schema_types import STREAM_FRESHNESS

DEFAULT_FIRST = 25
MAX_FIRST = 200
MAX_ROWS = 20_000

_PAGE_KINDS: dict[str, Literal["total_count", "stale", "stale_reason", "type_name"]] = {
    "totalCount": "total_count",
    "stale": "stale",
    "staleReason": "stale_reason",
    "__typename": "type_name",
}


@dataclass(frozen=True)
class _Field:
    """A field of the operation: its key, name and arguments, and what is selected of it."""

    key: str
    name: str
    arguments: dict[str, Any]
    selections: tuple[SelectionSetNode, ...]
    type: GraphQLObjectType | None  # None for a scalar


def read_operation(info: GraphQLResolveInfo[Any], model: Model) -> tuple[Root, ...]:
    """The roots of rows of the operation that is being executed: introspection and freshness are
    not among them."""
    return _Reader(info, model).roots()


class _Reader:
    def __init__(self, info: GraphQLResolveInfo[Any], model: Model) -> None:
        self._info = info
        self._model = model
        # strawberry hands the coerced values on as a plain dict.
        coerced = getattr(info.variable_values, "coerced", info.variable_values)
        self._variables = VariableValues(sources={}, coerced=cast("dict[str, Any]", coerced))
        self._entities = {entity.name: entity for entity in model.entities.values()}
        self._listed = {camel(entity.plural): entity for entity in model.entities.values()}

    def roots(self) -> tuple[Root, ...]:
        query = cast(GraphQLObjectType, self._info.schema.query_type)
        fields = self._fields(query, [self._info.operation.selection_set])
        roots = tuple(
            self._root(field)
            for field in fields
            if not field.name.startswith("__") and field.type is not STREAM_FRESHNESS
        )
        rows = sum(rows_at_most(root) for root in roots)
        if rows > MAX_ROWS:
            raise InvalidRequest(
                f"This question may return {rows:,} rows, and {MAX_ROWS:,} is the most. Ask for"
                " fewer rows with `first`, on the outer lists above all."
            )
        return roots

    def _root(self, field: _Field) -> Root:
        if field.name in self._listed:
            listing = self._listing(self._listed[field.name], field)
            return Root(key=field.key, ask=listing)
        entity = next(e for e in self._entities.values() if camel(e.name) == field.name)
        given_id, name = field.arguments.get("id"), field.arguments.get("name")
        if (given_id is None) == (name is None):
            raise InvalidRequest(f"{field.name} needs either `id` or `name`, and not both.")
        lookup = Lookup(
            entity=entity.name,
            id=_uuid(given_id) if given_id is not None else None,
            name=name,
            outputs=self._outputs(entity, field),
            max_age=_max_age(field.arguments),
        )
        return Root(key=field.key, ask=lookup)

    def _outputs(self, entity: Entity, row: _Field) -> tuple[Output, ...]:
        fields = self._fields(cast(GraphQLObjectType, row.type), row.selections)
        return tuple(self._output(entity, field) for field in fields)

    def _output(self, entity: Entity, field: _Field) -> Output:
        spec = entity.spec
        if field.name == "__typename":
            return Scalar(key=field.key, kind="type_name")
        if field.name == "id":
            return Scalar(key=field.key, kind="id")
        if field.name == "hiddenFields":
            return Scalar(key=field.key, kind="hidden_fields")
        if field.name == "provenance":
            return Composite(key=field.key, kind="provenance", parts=self._parts(field))
        for name, found in spec.fields.items():
            if field.name == camel(name):
                if found.type is FieldType.MONEY:
                    return Composite(
                        key=field.key, kind="money", name=name, parts=self._parts(field)
                    )
                return Scalar(key=field.key, kind="field", name=name)
            if found.keep_raw and field.name == camel(name) + "Raw":
                return Scalar(key=field.key, kind="raw", name=name)
        relation = next(r for r in spec.relations.values() if camel(r.name) == field.name)
        return self._related(relation, field)

    def _related(self, relation: RelationSpec, field: _Field) -> Output:
        target = self._model[relation.target]
        if relation.kind == "one":
            return One(key=field.key, relation=relation.name, outputs=self._outputs(target, field))
        return Many(key=field.key, relation=relation.name, listing=self._listing(target, field))

    def _listing(self, entity: Entity, field: _Field) -> Listing:
        first = field.arguments.get("first", DEFAULT_FIRST)
        if not 1 <= first <= MAX_FIRST:
            raise InvalidRequest(
                f"`first` of {field.name} is {first}; it must be from 1 to {MAX_FIRST}. Use"
                " `after` with the `endCursor` of a page to read on."
            )
        return Listing(
            entity=entity.name,
            filters=tuple(_filters(entity, field.arguments)),
            order=_orders(field.arguments),
            first=first,
            after=field.arguments.get("after"),
            page=tuple(self._page(entity, field)),
            max_age=_max_age(field.arguments),
        )

    def _page(self, entity: Entity, listing: _Field) -> Iterator[PageOutput]:
        for field in self._fields(cast(GraphQLObjectType, listing.type), listing.selections):
            if field.name == "nodes":
                yield PageOutput(key=field.key, kind="nodes", outputs=self._outputs(entity, field))
            elif field.name == "pageInfo":
                yield PageOutput(key=field.key, kind="page_info", parts=self._parts(field))
            else:
                yield PageOutput(key=field.key, kind=_PAGE_KINDS[field.name])

    def _parts(self, composite: _Field) -> tuple[tuple[str, str], ...]:
        fields = self._fields(cast(GraphQLObjectType, composite.type), composite.selections)
        return tuple((field.key, field.name) for field in fields)

    def _fields(
        self, parent: GraphQLObjectType, selections: Sequence[SelectionSetNode]
    ) -> list[_Field]:
        """Fields in order of first appearance, with all that is selected under one key merged."""
        merged: dict[str, list[FieldNode]] = {}
        for selection in selections:
            for node in self._nodes(selection):
                merged.setdefault(node.alias.value if node.alias else node.name.value, []).append(
                    node
                )
        return [self._field(parent, key, nodes) for key, nodes in merged.items()]

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> _Field:
        name = nodes[0].name.value
        definition: GraphQLField | None = parent.fields.get(name)
        named = get_named_type(definition.type) if definition is not None else None
        return _Field(
            key=key,
            name=name,
            arguments=(
                _plain(get_argument_values(definition, nodes[0], self._variables))
                if definition is not None
                else {}
            ),
            selections=tuple(n.selection_set for n in nodes if n.selection_set is not None),
            type=named if isinstance(named, GraphQLObjectType) else None,
        )

    def _nodes(self, selection: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selection.selections:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                # Every type stands for itself here (no interfaces), so a valid fragment applies.
                yield from self._nodes(self._info.fragments[node.name.value].selection_set)
            else:
                yield from self._nodes(node.selection_set)  # type: ignore[attr-defined]

    def _included(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and (include is None or bool(include["if"]))


def check_max_age(roots: Sequence[Root]) -> None:
    """`maxAge` works on one record and on the lists directly below it; elsewhere it is refused."""
    for root in roots:
        if isinstance(root.ask, Lookup):
            for child in children(root.ask.outputs):
                _refuse_below(child.listing)
        else:
            _refuse_below(root.ask)


def _refuse_below(listing: Listing) -> None:
    for page in listing.page:
        for child in children(page.outputs):
            if child.listing.max_age is not None:
                raise InvalidRequest(
                    f"`maxAge` of {camel(child.relation)} is too deep: it works on one record, such"
                    " as customer(name:), and on the lists directly below it."
                )
            _refuse_below(child.listing)


def _plain(value: Any) -> Any:
    """Enum members as their values, however deep they stand."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _filters(entity: Entity, arguments: dict[str, Any]) -> Iterator[Predicate]:
    for segment in arguments.get("segment") or ():
        yield entity.segments[segment].when
    where = arguments.get("where")
    if where:
        yield read_where(entity.spec, where)


def _orders(arguments: dict[str, Any]) -> tuple[Order, ...]:
    orders = [Order.parse(name) for name in arguments.get("orderBy") or ()]
    named = [order.field for order in orders]
    if len(set(named)) < len(named):
        raise InvalidRequest("`orderBy` names a field twice; name each once.")
    return tuple(orders)


def _max_age(arguments: dict[str, Any]) -> int | None:
    age = arguments.get("maxAge")
    if age is not None and age < 0:
        raise InvalidRequest(f"`maxAge` is {age}; it is a number of seconds, 0 or more.")
    return cast("int | None", age)


def _uuid(text: str) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        # No row has such an id, and saying so differently would tell more than null does.
        return UUID(int=0)

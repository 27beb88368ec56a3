"""The GraphQL schema of the business model, or of the part of it that exists for a caller.

The types tell agents what can be asked; nothing below the roots has a resolver, because a whole
operation is compiled to one statement (see `splice`).

The types are graphql-core's own. Each view has a schema, and strawberry makes a Python class for
each type of one, which takes thirty times as long; it does what is around an execution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDefaultInput,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    assert_valid_schema,
)
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig

from index.specs import EntitySpec, FieldSpec, FieldType, RelationSpec
from semantic_layer.filters import filterable
from semantic_layer.model import Entity, Model
from semantic_layer.names import camel, pascal, type_name
from semantic_layer.schema_types import (
    FILTERS,
    OUTPUTS,
    PAGE_INFO,
    PROVENANCE,
    STREAM_FRESHNESS,
    enum_filter,
    listed,
)
from semantic_layer.selection import DEFAULT_FIRST, MAX_FIRST
from semantic_layer.splice import Executor
from semantic_layer.view import View, found_by_name

Extension = type[SchemaExtension] | Callable[[], SchemaExtension]

_KEPT = 64

_SUGGESTION = re.compile(r"\s*Did you mean [^?]*\?")


def build_schema(
    model: Model, view: View | None = None, extensions: Sequence[Extension] = ()
) -> strawberry.Schema:
    """The schema of what exists in a view, without one of the whole model. Execute it with a
    `Question` as its context value.

    Raises NotPermitted when nothing exists.
    """
    view = view if view is not None else View.whole(model)
    return _Schema(_Types(view.part(model), view).schema(), extensions)


class Schemas:
    """The schema that each caller is served, made once for all callers of the same view; of many
    views, those not used for longest are made again."""

    def __init__(self, model: Model, extensions: Sequence[Extension] = ()) -> None:
        # Made when it is first asked for: the few milliseconds are less than a hand-over to a
        # thread would be worth.
        self._of = lru_cache(maxsize=_KEPT)(partial(build_schema, model, extensions=extensions))

    def of(self, view: View) -> strawberry.Schema:
        """The schema of the view. Raises NotPermitted when nothing exists in it."""
        return self._of(view)


@strawberry.type
class _Query:
    """strawberry cannot be had without a class; what it makes of this one is not used."""

    id: strawberry.ID


class _Schema(strawberry.Schema):
    """strawberry's execution, with its extensions, of a schema that graphql-core was given."""

    def __init__(self, schema: GraphQLSchema, extensions: Sequence[Extension]) -> None:
        super().__init__(
            query=_Query,
            execution_context_class=Executor,
            # Agents ask the same documents again and again with other variables. A validation is
            # remembered by the very schema it was made against, so views never share one.
            extensions=[*extensions, ParserCache, ValidationCache],
            config=StrawberryConfig(disable_field_suggestions=True),
        )
        assert_valid_schema(schema)
        self._schema = schema
        schema._strawberry_schema = self  # type: ignore[attr-defined]  # as strawberry itself does

    @staticmethod
    def remove_field_suggestion(error: GraphQLError) -> None:
        """Do not propose names, be it of fields, as strawberry's own has it, types or values."""
        error.message = _SUGGESTION.sub("", error.message)

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Do not log: strawberry would write arguments and values of the question to the log. The
        doors log what needs to be, by its id."""


class _Types:
    """The types of a model. They refer to each other in circles, so graphql-core asks for the
    members of each when all are there."""

    def __init__(self, model: Model, view: View) -> None:
        self._model = model
        self._view = view
        entities = model.entities.values()
        self._enums = {
            (entity.name, field.name): _enum(
                type_name(entity) + pascal(field.name), {value: value for value in field.values}
            )
            for entity in entities
            for field in entity.spec.fields.values()
            if field.type is FieldType.ENUM
        }
        self._rows = {
            entity.name: GraphQLObjectType(
                type_name(entity), partial(self._row, entity), description=entity.description
            )
            for entity in entities
        }
        self._pages = {
            entity.name: GraphQLObjectType(
                type_name(entity) + "Connection", partial(self._page, entity)
            )
            for entity in entities
        }
        self._arguments = {entity.name: self._list_arguments(entity) for entity in entities}

    def schema(self) -> GraphQLSchema:
        return GraphQLSchema(GraphQLObjectType("Query", self._roots))

    def _roots(self) -> dict[str, GraphQLField]:
        roots = {"freshness": _FRESHNESS}
        for entity in self._model.entities.values():
            if entity.within is None:
                roots[camel(entity.name)] = self._lookup(entity)
                roots[camel(entity.plural)] = GraphQLField(
                    GraphQLNonNull(self._pages[entity.name]),
                    self._arguments[entity.name],
                    _answer,
                    description=f"A page of {entity.plural_words}. {entity.description}",
                )
        return roots

    def _lookup(self, entity: Entity) -> GraphQLField:
        arguments = {"id": GraphQLArgument(GraphQLID)}
        how = "by id"
        if found_by_name(entity):
            arguments["name"] = GraphQLArgument(GraphQLString)
            how = "by id, or by a name or domain that fits exactly one you may see"
        return GraphQLField(
            self._rows[entity.name],
            {**arguments, "maxAge": _MAX_AGE},
            _answer,
            description=f"One {entity.name}, {how}; null when there is none you may see.",
        )

    def _row(self, entity: Entity) -> dict[str, GraphQLField]:
        members = {"id": GraphQLField(GraphQLNonNull(GraphQLID))}
        for field in entity.spec.fields.values():
            members[camel(field.name)] = GraphQLField(
                self._output(entity.spec, field), description=field.description or None
            )
            if field.keep_raw:
                members[camel(field.name) + "Raw"] = GraphQLField(
                    GraphQLString, description="The source's own value."
                )
        for relation in entity.spec.relations.values():
            members[camel(relation.name)] = self._relation(relation)
        members["hiddenFields"] = GraphQLField(
            GraphQLNonNull(listed(GraphQLString)),
            description="Fields that policy hides from you here, in whole or in part.",
        )
        members["provenance"] = GraphQLField(GraphQLNonNull(PROVENANCE))
        return members

    def _output(self, spec: EntitySpec, field: FieldSpec) -> GraphQLOutputType:
        if field.type is FieldType.ENUM:
            return self._enums[spec.name, field.name]
        return OUTPUTS[field.type]

    def _relation(self, relation: RelationSpec) -> GraphQLField:
        if relation.kind == "one":
            return GraphQLField(self._rows[relation.target])
        return GraphQLField(
            GraphQLNonNull(self._pages[relation.target]),
            {**self._arguments[relation.target], "maxAge": _MAX_AGE},
        )

    def _page(self, entity: Entity) -> dict[str, GraphQLField]:
        return {
            "totalCount": GraphQLField(
                GraphQLNonNull(GraphQLInt),
                description="Of all pages, counting only what you may see.",
            ),
            "nodes": GraphQLField(GraphQLNonNull(listed(self._rows[entity.name]))),
            "pageInfo": GraphQLField(GraphQLNonNull(PAGE_INFO)),
            "stale": GraphQLField(
                GraphQLNonNull(GraphQLBoolean),
                description="The source was asked for newer rows and could not be read.",
            ),
            "staleReason": GraphQLField(GraphQLString),
        }

    def _list_arguments(self, entity: Entity) -> dict[str, GraphQLArgument]:
        """Only by what stands in the clear on every row can rows be filtered and sorted."""
        name = type_name(entity)
        clear = [
            field
            for field in entity.spec.fields.values()
            if self._view.clear(entity.name, field.name)
        ]
        segments = {segment.upper(): segment for segment in entity.segments}
        orders = {
            f"{field.name.upper()}_{way}": sign + field.name
            for field in clear
            if field.type not in (FieldType.MONEY, FieldType.TEXT_LIST)
            for way, sign in (("ASC", ""), ("DESC", "-"))
        }
        tests = [field for field in clear if filterable(field)]
        arguments: dict[str, GraphQLArgument] = {}
        if segments:
            arguments["segment"] = GraphQLArgument(listed(_enum(f"{name}Segment", segments)))
        if tests:
            arguments["where"] = GraphQLArgument(self._where(entity, tests))
        if orders:
            arguments["orderBy"] = GraphQLArgument(listed(_enum(f"{name}Order", orders)))
        return {**arguments, "first": _FIRST, "after": GraphQLArgument(GraphQLString)}

    def _where(self, entity: Entity, tests: Sequence[FieldSpec]) -> GraphQLInputObjectType:
        def members() -> dict[str, GraphQLInputField]:
            return {
                **{
                    camel(field.name): GraphQLInputField(
                        enum_filter(self._enums[entity.name, field.name])
                        if field.type is FieldType.ENUM
                        else FILTERS[field.type]
                    )
                    for field in tests
                },
                "and": GraphQLInputField(listed(where)),
                "or": GraphQLInputField(listed(where)),
                "not": GraphQLInputField(where),
            }

        where = GraphQLInputObjectType(
            f"{type_name(entity)}Where", members, description="All given parts must hold."
        )
        return where


_FIRST = GraphQLArgument(
    GraphQLNonNull(GraphQLInt),
    default=GraphQLDefaultInput(DEFAULT_FIRST),
    description=f"1 to {MAX_FIRST}.",
)

_MAX_AGE = GraphQLArgument(
    GraphQLInt,
    description="Seconds. What the index holds for longer is read from its source first.",
)


async def _answer(_parent: None, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    return await info.context.answer(info)


async def _freshness(_parent: None, info: GraphQLResolveInfo[Any]) -> Any:
    return await info.context.freshness()


_FRESHNESS = GraphQLField(
    GraphQLNonNull(listed(STREAM_FRESHNESS)),
    resolve=_freshness,
    description="When the sources of what you can ask for were last read.",
)


def _enum(name: str, members: Mapping[str, str]) -> GraphQLEnumType:
    return GraphQLEnumType(name, {key: GraphQLEnumValue(value) for key, value in members.items()})

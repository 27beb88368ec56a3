"""The GraphQL schema, generated from the business model.

The types tell agents what can be asked; their resolvers never run below the roots, because a whole
operation is compiled to one statement (see `splice`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from inspect import Parameter, Signature
from typing import Annotated, Any, NewType, cast

import strawberry
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig

from index.specs import EntitySpec, FieldSpec, FieldType, RelationSpec
from semantic_layer.filters import filterable
from semantic_layer.model import Entity, Model
from semantic_layer.names import pascal, type_name
from semantic_layer.selection import DEFAULT_FIRST, MAX_FIRST
from semantic_layer.splice import Executor, Question

BigInt = NewType("BigInt", int)
_BIG_INT = strawberry.scalar(
    name="BigInt", description="A whole number of up to 64 bits.", serialize=int, parse_value=int
)


@strawberry.type(description="An amount of money.")
class Money:
    amount_minor: BigInt = strawberry.field(description="In the currency's smallest unit.")
    currency: str = strawberry.field(description="ISO 4217 code.")
    amount: Decimal = strawberry.field(description="In the currency's main unit, exact.")


@strawberry.type(description="Which system a row comes from, and how old it is.")
class Provenance:
    source: str
    remote_id: str
    remote_url: str | None
    as_of: datetime = strawberry.field(
        description="When the row was last known to be as the source has it."
    )
    stale: bool = strawberry.field(description="Older than the maxAge that was asked for.")
    stale_reason: str | None = strawberry.field(description="Why the source was not read.")


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None = strawberry.field(description="Pass it as `after` to read on.")


@strawberry.input(description="All given tests must hold.")
class TextFilter:
    eq: str | None = strawberry.UNSET
    ne: str | None = strawberry.UNSET
    in_: list[str] | None = strawberry.field(name="in", default=strawberry.UNSET)
    not_in: list[str] | None = strawberry.UNSET
    starts_with: str | None = strawberry.UNSET
    ends_with: str | None = strawberry.UNSET
    contains: str | None = strawberry.UNSET
    is_null: bool | None = strawberry.UNSET


@strawberry.input
class IntegerFilter:
    eq: BigInt | None = strawberry.UNSET
    ne: BigInt | None = strawberry.UNSET
    lt: BigInt | None = strawberry.UNSET
    lte: BigInt | None = strawberry.UNSET
    gt: BigInt | None = strawberry.UNSET
    gte: BigInt | None = strawberry.UNSET
    is_null: bool | None = strawberry.UNSET


@strawberry.input
class DecimalFilter:
    eq: Decimal | None = strawberry.UNSET
    ne: Decimal | None = strawberry.UNSET
    lt: Decimal | None = strawberry.UNSET
    lte: Decimal | None = strawberry.UNSET
    gt: Decimal | None = strawberry.UNSET
    gte: Decimal | None = strawberry.UNSET
    is_null: bool | None = strawberry.UNSET


@strawberry.input
class TimeFilter:
    eq: datetime | None = strawberry.UNSET
    lt: datetime | None = strawberry.UNSET
    lte: datetime | None = strawberry.UNSET
    gt: datetime | None = strawberry.UNSET
    gte: datetime | None = strawberry.UNSET
    is_null: bool | None = strawberry.UNSET


@strawberry.input
class BooleanFilter:
    eq: bool | None = strawberry.UNSET
    is_null: bool | None = strawberry.UNSET


@strawberry.input
class ListFilter:
    has: str | None = strawberry.field(
        default=strawberry.UNSET, description="The list holds this value."
    )
    is_null: bool | None = strawberry.UNSET


_FILTERS: Mapping[FieldType, type] = {
    FieldType.TEXT: TextFilter,
    FieldType.INTEGER: IntegerFilter,
    FieldType.DECIMAL: DecimalFilter,
    FieldType.TIMESTAMP: TimeFilter,
    FieldType.BOOLEAN: BooleanFilter,
    FieldType.TEXT_LIST: ListFilter,
}

_OUTPUTS: Mapping[FieldType, Any] = {
    FieldType.TEXT: str,
    FieldType.INTEGER: BigInt,
    FieldType.DECIMAL: Decimal,
    FieldType.TIMESTAMP: datetime,
    FieldType.BOOLEAN: bool,
    FieldType.TEXT_LIST: list[str],
    FieldType.MONEY: Money,
    FieldType.ID: strawberry.ID,
}


def build_schema(
    model: Model, extensions: Sequence[type[SchemaExtension] | Callable[[], SchemaExtension]] = ()
) -> strawberry.Schema:
    """The schema of a model. Execute it with a `Question` as its context value."""
    return _Schema(
        query=_SchemaTypes(model).query(),
        execution_context_class=Executor,
        # Agents ask the same documents again and again with other variables.
        extensions=[*extensions, ParserCache, ValidationCache],
        config=StrawberryConfig(scalar_map={BigInt: _BIG_INT}, disable_field_suggestions=True),
    )


class _Schema(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Do not log: strawberry would write arguments and values of the question to the log. The
        doors log what needs to be, by its id."""


class _SchemaTypes:
    """Python classes for strawberry: all are made first and then filled, since they refer to each
    other in circles."""

    def __init__(self, model: Model) -> None:
        self._model = model
        entities = model.entities.values()
        self._enums = {
            (entity.name, field.name): _enum(
                type_name(entity) + pascal(field.name), {value: value for value in field.values}
            )
            for entity in entities
            for field in entity.spec.fields.values()
            if field.type is FieldType.ENUM
        }
        self._rows = {entity.name: _new_class(type_name(entity)) for entity in entities}
        self._pages = {
            entity.name: _new_class(type_name(entity) + "Connection") for entity in entities
        }
        self._arguments = {entity.name: self._list_arguments(entity) for entity in entities}
        for entity in entities:
            self._fill_row(entity)
            self._fill_page(entity)

    def query(self) -> type:
        roots: dict[str, Any] = {}
        for entity in self._model.entities.values():
            if entity.within is not None:
                continue
            roots[entity.name] = self._lookup(entity)
            roots[entity.plural] = _field(
                self._pages[entity.name],
                self._arguments[entity.name],
                f"A page of {entity.plural}. {entity.description}",
                _resolve_root,
            )
        cls = _new_class("Query")
        _fill(cls, roots)
        return strawberry.type(cls)

    def _lookup(self, entity: Entity) -> Any:
        arguments: dict[str, tuple[Any, Any]] = {"id": (strawberry.ID | None, strawberry.UNSET)}
        how = "by id"
        if entity.resolved_from is not None:
            arguments["name"] = (str | None, strawberry.UNSET)
            how = "by id, or by a name or domain that fits exactly one you may see"
        arguments["max_age"] = _MAX_AGE
        return _field(
            self._rows[entity.name] | None,
            arguments,
            f"One {entity.name}, {how}; null when there is none you may see.",
            _resolve_root,
        )

    def _fill_row(self, entity: Entity) -> None:
        members: dict[str, Any] = {"id": (strawberry.ID, "")}
        for field in entity.spec.fields.values():
            members[field.name] = (self._output(entity.spec, field) | None, field.description)
            if field.keep_raw:
                members[f"{field.name}_raw"] = (str | None, "The source's own value.")
        for relation in entity.spec.relations.values():
            members[relation.name] = self._relation(relation)
        members["hidden_fields"] = (
            list[str],
            "Fields that policy hides from you here, in whole or in part.",
        )
        members["provenance"] = (Provenance, "")
        _fill(self._rows[entity.name], members)
        strawberry.type(self._rows[entity.name], description=entity.description)

    def _output(self, spec: EntitySpec, field: FieldSpec) -> Any:
        if field.type is FieldType.ENUM:
            return self._enums[spec.name, field.name]
        return _OUTPUTS[field.type]

    def _relation(self, relation: RelationSpec) -> Any:
        if relation.kind == "one":
            return (self._rows[relation.target] | None, "")
        arguments = {**self._arguments[relation.target], "max_age": _MAX_AGE}
        return _field(self._pages[relation.target], arguments, "", _never_resolved)

    def _fill_page(self, entity: Entity) -> None:
        members = {
            "total_count": (int, "Of all pages, counting only what you may see."),
            "nodes": (list[self._rows[entity.name]], ""),  # type: ignore[name-defined]
            "page_info": (PageInfo, ""),
            "stale": (bool, "The source was asked for newer rows and could not be read."),
            "stale_reason": (str | None, ""),
        }
        _fill(self._pages[entity.name], members)
        strawberry.type(self._pages[entity.name])

    def _list_arguments(self, entity: Entity) -> dict[str, tuple[Any, Any]]:
        name = type_name(entity)
        arguments: dict[str, tuple[Any, Any]] = {}
        if entity.segments:
            segments = {segment.upper(): segment for segment in entity.segments}
            arguments["segment"] = (
                list[_enum(f"{name}Segment", segments)] | None,  # type: ignore[misc]
                strawberry.UNSET,
            )
        sortable = [
            field.name
            for field in entity.spec.fields.values()
            if field.type not in (FieldType.MONEY, FieldType.TEXT_LIST)
        ]
        orders = {
            f"{field.upper()}_{way}": sign + field
            for field in sortable
            for way, sign in (("ASC", ""), ("DESC", "-"))
        }
        arguments["where"] = (self._where(entity) | None, strawberry.UNSET)
        arguments["order_by"] = (list[_enum(f"{name}Order", orders)] | None, strawberry.UNSET)  # type: ignore[misc]
        arguments["first"] = (
            Annotated[int, strawberry.argument(description=f"1 to {MAX_FIRST}.")],
            DEFAULT_FIRST,
        )
        arguments["after"] = (str | None, strawberry.UNSET)
        return arguments

    def _where(self, entity: Entity) -> type:
        cls = _new_class(f"{type_name(entity)}Where")
        annotations: dict[str, Any] = {}
        for field in entity.spec.fields.values():
            if filterable(field):
                kind = (
                    _enum_filter(entity, field, self._enums[entity.name, field.name])
                    if field.type is FieldType.ENUM
                    else _FILTERS[field.type]
                )
                annotations[field.name] = kind | None
                setattr(cls, field.name, strawberry.UNSET)
        for name, kind in (("and", list[cls]), ("or", list[cls]), ("not", cls)):  # type: ignore[valid-type]
            annotations[f"{name}_"] = kind | None
            setattr(cls, f"{name}_", strawberry.field(name=name, default=strawberry.UNSET))
        cls.__annotations__ = annotations
        return strawberry.input(cls, description="All given parts must hold.")


_MAX_AGE = (
    Annotated[
        int | None,
        strawberry.argument(
            description="Seconds. What the index holds for longer is read from its source first."
        ),
    ],
    strawberry.UNSET,
)


async def _resolve_root(info: strawberry.Info[Question, None]) -> Any:
    return await info.context.answer(info._raw_info)


def _never_resolved() -> Any:
    raise AssertionError("a compiled operation has no resolvers below its roots")


def _field(result: Any, arguments: Mapping[str, tuple[Any, Any]], about: str, via: Any) -> Any:
    """A strawberry field with these arguments, given as name → (type, default)."""
    takes_info = via is _resolve_root

    if takes_info:

        async def resolver(info: Any, **_arguments: Any) -> Any:
            return await via(info)

    else:

        def resolver(**_arguments: Any) -> Any:  # type: ignore[misc]
            return via()

    parameters = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in arguments.items()
    ]
    if takes_info:
        info = Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info)
        parameters.insert(0, info)
    resolver.__signature__ = Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
    resolver.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": result}
    return strawberry.field(resolver=resolver, description=about or None)


def _fill(cls: type, members: Mapping[str, Any]) -> None:
    """Give a class its fields: (type, description) or a strawberry field."""
    annotations: dict[str, Any] = {}
    for name, member in members.items():
        if isinstance(member, tuple):
            kind, about = member
            annotations[name] = kind
            setattr(cls, name, strawberry.field(description=about or None))
        else:
            setattr(cls, name, member)
    cls.__annotations__ = annotations


def _new_class(name: str) -> type:
    return types.new_class(name, exec_body=lambda body: body.update({"__module__": __name__}))


def _enum(name: str, members: Mapping[str, str]) -> Any:
    return strawberry.enum(cast("type[Enum]", Enum(name, members)))


def _enum_filter(entity: Entity, field: FieldSpec, enum: Any) -> type:
    cls = _new_class(f"{type_name(entity)}{pascal(field.name)}Filter")
    cls.__annotations__ = {
        "eq": enum | None,
        "ne": enum | None,
        "in_": list[enum] | None,
        "not_in": list[enum] | None,
        "is_null": bool | None,
    }
    for name in cls.__annotations__:
        setattr(cls, name, strawberry.UNSET)
    cls.in_ = strawberry.field(name="in", default=strawberry.UNSET)  # type: ignore[attr-defined]
    return strawberry.input(cls)

"""The GraphQL types that are the same in every model: scalars, small objects and filters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
)

from index.specs import FieldType


def listed(kind: Any) -> GraphQLList[Any]:
    """A list without gaps: `[KIND!]`."""
    return GraphQLList(GraphQLNonNull(kind))


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise GraphQLError(f"Expected a whole number, not {value!r}.")
    try:
        return int(value)
    except ValueError:
        raise GraphQLError(f"Expected a whole number, not {value!r}.") from None


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise GraphQLError(f"Expected a decimal number, not {value!r}.") from None


def _time(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(
            f"Expected a time such as 2026-10-31T09:00:00Z, not {value!r}."
        ) from None


BIG_INT = GraphQLScalarType(
    "BigInt", parse_value=_whole_number, description="A whole number of up to 64 bits."
)
DATE_TIME = GraphQLScalarType(
    "DateTime", parse_value=_time, description="Date with time (isoformat)"
)
DECIMAL = GraphQLScalarType("Decimal", parse_value=_decimal, description="Decimal (fixed-point)")

MONEY = GraphQLObjectType(
    "Money",
    {
        "amountMinor": GraphQLField(
            GraphQLNonNull(BIG_INT), description="In the currency's smallest unit."
        ),
        "currency": GraphQLField(GraphQLNonNull(GraphQLString), description="ISO 4217 code."),
        "amount": GraphQLField(
            GraphQLNonNull(DECIMAL), description="In the currency's main unit, exact."
        ),
    },
    description="An amount of money.",
)

PROVENANCE = GraphQLObjectType(
    "Provenance",
    {
        "source": GraphQLField(GraphQLNonNull(GraphQLString)),
        "remoteId": GraphQLField(GraphQLNonNull(GraphQLString)),
        "remoteUrl": GraphQLField(GraphQLString),
        "asOf": GraphQLField(
            GraphQLNonNull(DATE_TIME),
            description="When the row was last known to be as the source has it.",
        ),
        "stale": GraphQLField(
            GraphQLNonNull(GraphQLBoolean), description="Older than the maxAge that was asked for."
        ),
        "staleReason": GraphQLField(GraphQLString, description="Why the source was not read."),
    },
    description="Which system a row comes from, and how old it is.",
)

STREAM_FRESHNESS = GraphQLObjectType(
    "StreamFreshness",
    {
        "entity": GraphQLField(GraphQLNonNull(GraphQLString)),
        "source": GraphQLField(GraphQLNonNull(GraphQLString)),
        "stream": GraphQLField(
            GraphQLNonNull(GraphQLString), description="What the source calls such records."
        ),
        "syncedAt": GraphQLField(
            DATE_TIME,
            description="All that the source had by then is in the index; null before the first"
            " complete sync.",
        ),
        "triedAt": GraphQLField(
            DATE_TIME, description="When a sync last ended; after syncedAt if it was not complete."
        ),
    },
    description="How far the index is behind one stream of a source.",
)

PAGE_INFO = GraphQLObjectType(
    "PageInfo",
    {
        "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
        "endCursor": GraphQLField(GraphQLString, description="Pass it as `after` to read on."),
    },
)

OUTPUTS: Mapping[FieldType, GraphQLOutputType] = {
    FieldType.TEXT: GraphQLString,
    FieldType.INTEGER: BIG_INT,
    FieldType.DECIMAL: DECIMAL,
    FieldType.TIMESTAMP: DATE_TIME,
    FieldType.BOOLEAN: GraphQLBoolean,
    FieldType.TEXT_LIST: listed(GraphQLString),
    FieldType.MONEY: MONEY,
    FieldType.ID: GraphQLID,
}
"""What a field of each type is read as; enums have a type each."""


def _filter(name: str, about: str = "", **tests: GraphQLInputType) -> GraphQLInputObjectType:
    fields = {
        test.removesuffix("_"): GraphQLInputField(kind)
        for test, kind in {**tests, "isNull": GraphQLBoolean}.items()
    }
    return GraphQLInputObjectType(name, fields, description=about or None)


def enum_filter(enum: GraphQLEnumType) -> GraphQLInputObjectType:
    """The tests that `where` has for a field of the enum."""
    return _filter(f"{enum.name}Filter", eq=enum, ne=enum, in_=listed(enum), notIn=listed(enum))


def _ordered_filter(name: str, kind: GraphQLScalarType) -> GraphQLInputObjectType:
    return _filter(name, eq=kind, ne=kind, lt=kind, lte=kind, gt=kind, gte=kind)


FILTERS: Mapping[FieldType, GraphQLInputObjectType] = {
    FieldType.TEXT: _filter(
        "TextFilter",
        "All given tests must hold.",
        eq=GraphQLString,
        ne=GraphQLString,
        in_=listed(GraphQLString),
        notIn=listed(GraphQLString),
        startsWith=GraphQLString,
        endsWith=GraphQLString,
        contains=GraphQLString,
    ),
    FieldType.INTEGER: _ordered_filter("IntegerFilter", BIG_INT),
    FieldType.DECIMAL: _ordered_filter("DecimalFilter", DECIMAL),
    FieldType.TIMESTAMP: _filter(
        "TimeFilter", eq=DATE_TIME, lt=DATE_TIME, lte=DATE_TIME, gt=DATE_TIME, gte=DATE_TIME
    ),
    FieldType.BOOLEAN: _filter("BooleanFilter", eq=GraphQLBoolean),
    FieldType.TEXT_LIST: GraphQLInputObjectType(
        "ListFilter",
        {
            "has": GraphQLInputField(GraphQLString, description="The list holds this value."),
            "isNull": GraphQLInputField(GraphQLBoolean),
        },
    ),
}
"""The tests that `where` has for a field of each type; money and ids have none, enums one each."""

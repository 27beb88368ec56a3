"""The `where` argument, read into the predicate language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from index.errors import InvalidRequest
from index.predicate import (
    And,
    Attribute,
    Comparison,
    Constant,
    InvalidValue,
    IsMissing,
    Membership,
    Not,
    Or,
    Predicate,
    TextTest,
    coerce,
)
from index.specs import EntitySpec, FieldSpec, FieldType
from semantic_layer.names import camel

ORDERED = (FieldType.INTEGER, FieldType.DECIMAL, FieldType.TIMESTAMP)

_COMPARISONS: Mapping[str, Any] = {
    "eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=",
}  # fmt: skip


def filterable(field: FieldSpec) -> bool:
    """Whether `where` has an argument for the field. Money has none: amounts of different
    currencies cannot be compared."""
    return field.type is not FieldType.MONEY


def read_where(spec: EntitySpec, where: Mapping[str, Any]) -> Predicate:
    """All parts of a `where` must be true. Raises InvalidRequest naming the part that is wrong."""
    return And(tuple(_part(spec, name, given) for name, given in where.items()))


def _part(spec: EntitySpec, name: str, given: Any) -> Predicate:
    if given is None:
        raise InvalidRequest(f"`where.{name}` is null; to find missing values use isNull: true.")
    if name == "and":
        return And(tuple(read_where(spec, part) for part in given))
    if name == "or":
        return Or(tuple(read_where(spec, part) for part in given))
    if name == "not":
        return Not(read_where(spec, given))
    field = next(field for field in spec.fields.values() if camel(field.name) == name)
    return And(tuple(_test(field, operator, value) for operator, value in given.items()))


def _test(field: FieldSpec, operator: str, value: Any) -> Predicate:
    attribute = Attribute((field.name,))
    if value is None:
        raise InvalidRequest(
            f"`where.{camel(field.name)}.{operator}` is null; to find missing values use"
            " isNull: true."
        )
    if operator == "isNull":
        missing = IsMissing(attribute)
        return missing if value else Not(missing)
    if operator in ("in", "notIn"):
        wanted = Constant(tuple(_value(field, operator, item) for item in value))
        member = Membership(attribute, wanted)
        return member if operator == "in" else Not(member)
    if operator == "has":
        return Membership(Constant(_text(field, value)), attribute)
    if operator in ("startsWith", "endsWith", "contains"):
        return TextTest(operator, attribute, Constant(_text(field, value)))  # type: ignore[arg-type]
    comparison = _COMPARISONS[operator]
    return Comparison(comparison, attribute, Constant(_value(field, operator, value)))


def _value(field: FieldSpec, operator: str, value: Any) -> Any:
    try:
        return coerce(field.type, value, values=field.values)
    except InvalidValue as error:
        raise InvalidRequest(f"`where.{camel(field.name)}.{operator}`: {error}") from error


def _text(field: FieldSpec, value: str) -> str:
    try:
        return str(coerce(FieldType.TEXT, value))
    except InvalidValue as error:
        raise InvalidRequest(f"`where.{camel(field.name)}`: {error}") from error

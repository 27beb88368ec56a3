"""What the types of values mean to a rule: which compare, which have an order, their names."""

from __future__ import annotations

from collections.abc import Mapping

from index.specs import FieldType

NO_MONEY = "amounts of money cannot be used in rules: they have a currency"

FAMILIES: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.ENUM: "text",
    FieldType.INTEGER: "number",
    FieldType.DECIMAL: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "time",
    FieldType.TEXT_LIST: "list",
    FieldType.MONEY: "money",
    FieldType.ID: "id",
}
"""Only values of one family can be compared."""

# The alphabetical order of an enum's values means nothing: "high" would come before "low".
ORDERED = frozenset({FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.TIMESTAMP})

A: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.ENUM: "one of a few values",
    FieldType.INTEGER: "a whole number",
    FieldType.DECIMAL: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIMESTAMP: "a time",
    FieldType.TEXT_LIST: "a list",
    FieldType.MONEY: "an amount of money",
    FieldType.ID: "an id",
}
"""What a value of the type is, in a sentence: "`ticket.title` is text"."""

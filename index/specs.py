"""What an entity is made of: the plain description that tables, policies and queries share.

The semantic layer reads these from YAML and adds meaning (labels, synonyms, segments); this room
only needs names, types and how one entity reaches another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class FieldType(StrEnum):
    """The type of a field, and of the values that predicates may compare it with."""

    TEXT = "text"
    ENUM = "enum"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    TEXT_LIST = "text_list"
    MONEY = "money"
    ID = "id"


@dataclass(frozen=True, kw_only=True)
class FieldSpec:
    """One field of an entity.

    A money field `total` is stored in two columns, `total_minor` (bigint, minor units) and
    `total_currency`. A field with `keep_raw` has the source's own value beside it in `NAME_raw`.
    One with `search` is a text that is cut into chunks, to be found by what it means.
    """

    name: str
    type: FieldType
    values: tuple[str, ...] = ()  # the canonical values of an enum
    keep_raw: bool = False
    search: bool = False
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class RelationSpec:
    """How rows of one entity reach rows of another.

    `column` is the foreign key: on the owner for `one`, on the target for `many`. With
    `through_identity` that key names a source account, and the identity links say which customer
    the account belongs to.
    """

    name: str
    target: str
    kind: Literal["one", "many"]
    column: str
    through_identity: bool = False


@dataclass(frozen=True, kw_only=True)
class EntitySpec:
    """A business type. `resolved` marks the one that is made of others (Customer), not synced.

    `order` is that of its lists unless another is asked for: names of fields, with "-" in front for
    descending.
    """

    name: str
    fields: Mapping[str, FieldSpec]
    relations: Mapping[str, RelationSpec] = field(default_factory=dict)
    resolved: bool = False
    order: tuple[str, ...] = ()

    @property
    def searchable(self) -> tuple[str, ...]:
        """The fields that are cut into chunks."""
        return tuple(field.name for field in self.fields.values() if field.search)

    def to_one(self, name: str) -> RelationSpec | None:
        """The relation of that name when it leads to at most one row, else None."""
        relation = self.relations.get(name)
        return relation if relation is not None and relation.kind == "one" else None


EntitySpecs = Mapping[str, EntitySpec]
CallerAttributes = Mapping[str, Mapping[str, FieldType]]
"""Declared attributes of who asks: `{"user": {"regions": TEXT_LIST}, "agent": {...}}`."""

"""What a connector's `mapping.yaml` may say: how its records become entity rows.

Strict on purpose: a key that is not known here is an error with its place, because a mapping that
is silently ignored loses data. What a field becomes (a time, a number, a list) follows from the
model, so the mapping only says where the value is. docs/add-a-connector.md explains the format.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from index.specs import EntitySpecs, FieldType

Scalar = str | int | bool | None
Paths = str | tuple[str, ...]
"""`organization_fields.region`, `items.data.0.price`; of several, the first that has a value."""

Condition = dict[str, Scalar | tuple[Scalar, ...]]
"""Path to the value it must have, or one of several; `"*"` asks only that there is one."""

Key = str | tuple[str | tuple[str, ...], ...] | None
"""What tells records apart: a path; several, whose values count together; null, the whole content.

A path in brackets is taken literally, name by name: `[[order.id], [line, number]]`.
"""

Transform = Literal["upper", "lower", "host", "email_host", "percent", "document"]

ANY_VALUE = "*"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""What stands for a word in the address and the parameters of a live read."""
RAW_RECORD = "raw_record"
"""The entity of records that are kept as they came."""
RAW_RECORD_FIELDS = ("source_name", "stream_name", "label", "content")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Case(_Strict):
    """One branch of `choose`: the first whose condition holds gives the value."""

    when: Condition = Field(default_factory=dict)
    then: str


class Value(_Strict):
    """Where a value comes from (one of path, join, list, choose) and what is done to it.

    A path or a list of paths alone may stand for `{path: ...}`.
    """

    path: Paths | None = None
    join: tuple[str, ...] | None = None  # paths whose values are joined by a space
    # Values, or lists of them, put into one list.
    parts: tuple[Value, ...] | None = Field(default=None, alias="list")
    choose: tuple[Case, ...] | None = None
    transform: Transform | None = Field(default=None, alias="as")
    # The source's value to ours; any other becomes null.
    translation: dict[str, str] | None = Field(default=None, alias="map")
    matching: str | None = None  # a regular expression; a value that does not match is left out
    prefix: str | None = None
    # Of an enum, the source's own word, where the value chosen or looked at is not that word.
    raw: Paths | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_paths(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str | list) else given

    @model_validator(mode="after")
    def _one_origin(self) -> Value:
        origins = (self.path, self.join, self.parts, self.choose)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give exactly one of path, join, list, choose")
        return self


class MoneyValue(_Strict):
    """An amount in minor units (cents) or major units, and its currency.

    `setting` names the setting of the source that has the currency of records without one.
    """

    minor: Paths | None = None
    major: Paths | None = None
    currency: Paths
    setting: str | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> MoneyValue:
        if (self.minor is None) == (self.major is None):
            raise ValueError("give exactly one of minor, major")
        return self


FieldValue = Annotated[
    Annotated[Value, Tag("value")] | Annotated[MoneyValue, Tag("money")],
    Discriminator(
        lambda given: "money" if isinstance(given, dict) and "currency" in given else "value"
    ),
]


class Reference(_Strict):
    """A foreign key: the key of a record of another stream of the same source."""

    path: Paths
    stream: str
    when: Condition = Field(default_factory=dict)  # else there is none
    matching: str | None = None  # a regular expression; a key that it does not fit leads nowhere


class EntityMapping(_Strict):
    """How a record becomes a row of `entity`, when the condition holds."""

    entity: str
    when: Condition = Field(default_factory=dict)
    fields: dict[str, FieldValue]
    references: dict[str, Reference] = Field(default_factory=dict)
    url: str | None = None  # with {base_url}, {settings.NAME} and {path}
    # Where fields of the customer's own making are: a pattern of top-level names (`*__c`), or the
    # path of an object, or of a list of {id, value}.
    custom: tuple[str, ...] = ()


class Lookup(_Strict):
    """Words for a placeholder that the source itself gives: a value of each entry of a list."""

    path: str
    each: str
    value: str
    when: Condition = Field(default_factory=dict)  # of the entries that count


class Join(_Strict):
    """What a read of the whole stream adds to a record: the entry of another answer it names."""

    path: str
    each: str  # path to the entries, through lists of lists
    key: str  # path in an entry
    of: str  # path in the record to the key of its entry
    keep: tuple[str, ...]  # names in an entry


class Pages(_Strict):
    """How a list goes on: one of `next`, `linked`, `after` and `offset`."""

    next: str | None = None  # path to the address of the next page
    into: str | None = None  # the path `next` leads to a token, which this parameter takes
    linked: bool = False  # the header Link has the address
    after: str | None = None  # the parameter that takes the key of the last record
    offset: str | None = None  # the parameter that takes how many records there were so far
    total: str | None = None  # path to how many there are in all; else an empty page is the last
    more: str | None = None  # path to a truth value: there is another page

    @model_validator(mode="after")
    def _one_way_on(self) -> Pages:
        ways = (self.next is not None, self.linked, self.after is not None, self.offset is not None)
        if sum(ways) != 1:
            raise ValueError("give exactly one of next, linked, after, offset")
        if self.into is not None and self.next is None:
            raise ValueError("`into` needs `next`")
        if self.total is not None and self.offset is None:
            raise ValueError("`total` needs `offset`")
        return self


class Children(_Strict):
    """How to list the records of another stream that belong to one record.

    `{id}` stands for its key, `{NAME}` for what the lookup of that name gives, and `{{ ... }}`, in
    a parameter, for an expression of the settings, as manifests have them (`config`).
    """

    stream: str
    by: str  # the foreign key, on the child, that names this record
    path: str
    parameters: dict[str, str] = Field(default_factory=dict)
    lookup: dict[str, Lookup] = Field(default_factory=dict)
    records: str | None = None  # path to the list in the answer; left out: the answer itself
    record: str | None = None  # path to the record in each entry; left out: the entry itself
    key: str | None = None  # or: path to the key of a record that the entry only names
    add: dict[str, str] = Field(default_factory=dict)  # what the list leaves out: name to {id}
    pages: Pages | None = None  # left out: there is only one
    stays: bool = False  # a record never moves to another parent: one that is not listed is gone


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Listings = Annotated[tuple[Children, ...], BeforeValidator(_listed), Field(min_length=1)]
"""One listing, or one of each stream that the children come from."""


class Live(_Strict):
    """How to read one record of the stream now; without `path`, only through its parent.

    Placeholders as in `Children`.
    """

    path: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    lookup: dict[str, Lookup] = Field(default_factory=dict)
    join: dict[str, Join] = Field(default_factory=dict)  # by the name that the entry gets
    record: str | None = None  # path to the record in the answer; left out: the answer itself
    answered_at: str | None = None  # name under which the time of the answer joins the record
    transformed: bool = False  # the record goes through the transformations of its stream first
    # An address that only those may read who are signed in, of a source that tells strangers that
    # there is nothing: asked before that is believed.
    signed_in: str | None = None
    children: dict[str, Listings] = Field(default_factory=dict)  # by entity


class StreamMapping(_Strict):
    """What becomes of the records of a stream.

    Those of a stream that `deletes` are not kept: each says that another stream's record of the
    same key is gone.
    """

    key: Key
    deletes: str | None = None
    updated_at: str | None = None  # orders versions of a record: older never replaces newer
    ignored: tuple[str, ...] = ()  # about the answer, not about the record: never stored
    deleted: Condition | None = None
    newest_first: bool = False  # of several versions in one read, the first is the newest
    history_days: int | None = None  # changes are told for so long; after a longer pause, read all
    entities: tuple[EntityMapping, ...] = ()
    raw: bool = False  # instead of entities: each record is a raw_record, as it came
    live: Live = Live()

    @model_validator(mode="after")
    def _one_use(self) -> StreamMapping:
        if self.raw and (self.entities or self.deletes):
            raise ValueError("`raw` goes with neither `entities` nor `deletes`")
        return self

    @property
    def entity_names(self) -> tuple[str, ...]:
        """The entities that its records may become."""
        if self.raw:
            return (RAW_RECORD,)
        return tuple(dict.fromkeys(mapped.entity for mapped in self.entities))


class MappingFile(_Strict):
    """The whole file; streams are read in its order, so parents come first."""

    streams: dict[str, StreamMapping]


def holds_raw_records(specs: EntitySpecs) -> bool:
    """Whether the model has the entity for records that are kept as they came."""
    spec = specs.get(RAW_RECORD)
    return spec is not None and all(
        name in spec.fields and spec.fields[name].type is FieldType.TEXT
        for name in RAW_RECORD_FIELDS
    )

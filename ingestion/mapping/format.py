"""What a connector's `mapping.yaml` may say: how its records become entity rows.

Strict on purpose: a key that is not known here is an error with its place, because a mapping that
is silently ignored loses data. What a field becomes (a time, a number, a list) follows from the
model, so the mapping only says where the value is. docs/add-a-connector.md explains the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from index.errors import ConfigurationError
from index.specs import EntitySpec, EntitySpecs, FieldSpec, FieldType

Scalar = str | int | bool | None
Paths = str | tuple[str, ...]
"""`organization_fields.region`, `items.data.0.price`; of several, the first that has a value."""

Condition = dict[str, Scalar | tuple[Scalar, ...]]
"""Path to the value it must have, or one of several; `"*"` asks only that there is one."""

Key = str | tuple[str | tuple[str, ...], ...] | None
"""What tells records apart: a path; several, whose values count together; null, the whole content.

A path in brackets is taken literally, name by name: `[[order.id], [line, number]]`.
"""

Transform = Literal["upper", "lower", "host", "email_host"]

ANY_VALUE = "*"


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


class EntityMapping(_Strict):
    """How a record becomes a row of `entity`, when the condition holds."""

    entity: str
    when: Condition = Field(default_factory=dict)
    fields: dict[str, FieldValue]
    references: dict[str, Reference] = Field(default_factory=dict)
    url: str | None = None  # with {base_url} and {path}
    # Where fields of the customer's own making are: a pattern of top-level names (`*__c`), or the
    # path of an object, or of a list of {id, value}.
    custom: tuple[str, ...] = ()


class Lookup(_Strict):
    """Words for a placeholder that the source itself gives, read once: a value of each entry."""

    path: str
    each: str
    value: str


class Children(_Strict):
    """How to list the records of another stream that belong to one record.

    `{id}` stands for its key, `{NAME}` for what the lookup of that name gives.
    """

    stream: str
    by: str  # the foreign key, on the child, that names this record
    path: str
    parameters: dict[str, str] = Field(default_factory=dict)
    lookup: dict[str, Lookup] = Field(default_factory=dict)
    records: str  # path to the list in the answer
    add: dict[str, str] = Field(default_factory=dict)  # what the list leaves out: name to {id}
    more: str | None = None  # path to a truth value: there is another page
    next: str | None = None  # path to the address of the next page
    after: str | None = None  # or: the parameter that takes the key of the last record


class Live(_Strict):
    """How to read one record of the stream now; without `path`, only through its parent."""

    path: str | None = None
    record: str | None = None  # path to the record in the answer; left out: the answer itself
    answered_at: str | None = None  # name under which the time of the answer joins the record
    children: dict[str, Children] = Field(default_factory=dict)  # by entity


class StreamMapping(_Strict):
    """What becomes of the records of a stream."""

    key: Key
    updated_at: str | None = None  # orders versions of a record: older never replaces newer
    ignored: tuple[str, ...] = ()  # about the answer, not about the record: never stored
    deleted: Condition | None = None
    newest_first: bool = False  # of several versions in one read, the first is the newest
    history_days: int | None = None  # changes are told for so long; after a longer pause, read all
    entities: tuple[EntityMapping, ...] = ()
    live: Live = Live()


class _MappingFile(_Strict):
    """The whole file; streams are read in its order, so parents come first."""

    streams: dict[str, StreamMapping]


def load_mapping(path: Path, specs: EntitySpecs) -> Mapping[str, StreamMapping]:
    """Read a mapping and check it against the model.

    Raises ConfigurationError with the file, the place and what to mend.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error
    try:
        streams = _MappingFile.model_validate(content).streams
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationError(f"{path}: {problems}") from error
    for name, stream in streams.items():
        for mapped in stream.entities:
            _check_entity(f"{path}: streams.{name}", mapped, streams, specs)
        for entity, children in stream.live.children.items():
            _check_children(f"{path}: streams.{name}.live.children.{entity}", entity, children,
                            streams)  # fmt: skip
    _check_one_stream_each(path, streams)
    return streams


def _check_entity(
    place: str, mapped: EntityMapping, streams: Mapping[str, StreamMapping], specs: EntitySpecs
) -> None:
    spec = specs.get(mapped.entity)
    if spec is None or spec.resolved:
        known = ", ".join(sorted(name for name, spec in specs.items() if not spec.resolved))
        raise ConfigurationError(f"{place}: {mapped.entity!r} is no entity to map to ({known}).")
    place = f"{place}.{mapped.entity}"
    for name, value in mapped.fields.items():
        field = spec.fields.get(name)
        if field is None:
            raise ConfigurationError(
                f"{place}: {name!r} is no field of {spec.name}, which has"
                f" {', '.join(sorted(spec.fields))}."
            )
        _check_value(f"{place}.{name}", field, value)
    keys = _foreign_keys(spec)
    for name, reference in mapped.references.items():
        if name not in keys:
            raise ConfigurationError(
                f"{place}: {name!r} is no foreign key of {spec.name}, which has"
                f" {', '.join(sorted(keys)) or 'none'}."
            )
        if reference.stream not in streams:
            raise ConfigurationError(
                f"{place}.{name}: there is no stream {reference.stream!r} here."
            )


def _check_value(place: str, field: FieldSpec, value: Value | MoneyValue) -> None:
    if isinstance(value, MoneyValue) != (field.type is FieldType.MONEY):
        raise ConfigurationError(
            f"{place}: a money field needs `minor` or `major` and `currency`, and only it."
        )
    if field.type is FieldType.ENUM and isinstance(value, Value):
        targets = {*(value.translation or {}).values(), *(case.then for case in value.choose or ())}
        strange = sorted(targets - set(field.values))
        if strange or not targets:
            raise ConfigurationError(
                f"{place}: an enum needs `map` or `choose` to its values"
                f" {', '.join(field.values)}; it has {', '.join(strange) or 'neither'}."
            )


def _check_children(
    place: str, entity: str, children: Children, streams: Mapping[str, StreamMapping]
) -> None:
    stream = streams.get(children.stream)
    mapped = [mapped for mapped in stream.entities if mapped.entity == entity] if stream else []
    if not mapped:
        raise ConfigurationError(f"{place}: stream {children.stream!r} gives no {entity}.")
    if children.by not in mapped[0].references:
        raise ConfigurationError(f"{place}: {children.by!r} is no reference of {entity}.")


def _check_one_stream_each(path: Path, streams: Mapping[str, StreamMapping]) -> None:
    """A row's id follows from its stream, so an entity must always come from the same one."""
    found: dict[str, str] = {}
    for name, stream in streams.items():
        for mapped in stream.entities:
            other = found.setdefault(mapped.entity, name)
            if other != name:
                raise ConfigurationError(
                    f"{path}: {mapped.entity} comes from both {other} and {name}; choose one."
                )


def _foreign_keys(spec: EntitySpec) -> set[str]:
    return {
        relation.column
        for relation in spec.relations.values()
        if relation.kind == "one" and relation.column != "id"
    }

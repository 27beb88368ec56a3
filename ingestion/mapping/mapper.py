"""Records to entity rows, by the connector's mapping."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from uuid import UUID

from index.errors import RemitError
from index.incoming import Incoming, Unstorable, canonical_json, content_hash
from index.rejected import Rejection
from index.specs import EntitySpec, EntitySpecs, FieldSpec
from index.stream import Stream, row_id
from ingestion.mapping.conversion import CONVERSIONS, to_json, to_money, to_text, to_timestamp
from ingestion.mapping.format import (
    EntityMapping,
    MoneyValue,
    Reference,
    StreamMapping,
    Value,
)
from ingestion.mapping.key import compile_key
from ingestion.mapping.raw_record import RawRecord
from ingestion.mapping.values import Getter, Record, compile_condition, compile_paths, compile_value

Row = dict[str, Any]

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
# Postgres indexes 2,704, of which the names of tenant, source and stream take some.
_KEY_BYTES = 2_400


class Unmappable(RemitError):
    """A record that its mapping cannot turn into a row: which field, and why, without the value."""


@dataclass(frozen=True)
class Mapped:
    """A record on its way into the index, and whether the source says that it is gone."""

    incoming: Incoming
    deleted: bool


class Mapper:
    """Maps the records of one stream of one tenant's source."""

    def __init__(
        self,
        mapping: StreamMapping,
        stream: Stream,
        specs: EntitySpecs,
        settings: Mapping[str, Any],
    ) -> None:
        self.stream = stream
        self._key = compile_key(mapping.key, mapping.ignored)
        self._updated_at = compile_paths(mapping.updated_at) if mapping.updated_at else None
        self._ignored = frozenset(mapping.ignored)
        self._is_deleted = compile_condition(mapping.deleted) if mapping.deleted else None
        self._entities: list[tuple[Callable[[Record], bool], _EntityMapper | RawRecord]] = [
            (
                compile_condition(mapped.when),
                _EntityMapper(mapped, stream, specs[mapped.entity], settings),
            )
            for mapped in mapping.entities
        ]
        if mapping.raw:
            self._entities = [(compile_condition({}), RawRecord(stream))]

    def key(self, record: Record) -> str:
        """The record's own key. Raises Unmappable when it has none that will do, and Unstorable."""
        try:
            key = self._key(record)
        except ValueError as error:
            raise Unmappable(f"its key: {error}") from None
        if key is None:
            raise Unmappable("it has no key")
        if len(key.encode(errors="replace")) > _KEY_BYTES:
            raise Unmappable(f"its key is longer than {_KEY_BYTES:,} bytes")
        return key

    def map(self, record: Record, *, at: datetime) -> Mapped:
        """The record with its row. `at` dates a deletion for which the source gives no time.

        Raises Unmappable, or Unstorable for what Postgres cannot hold.
        """
        incoming = self.project(self.identify(record), record, at=at)
        return Mapped(incoming, deleted=incoming.deleted_at is not None)

    def identify(self, record: Record) -> Incoming:
        """The record as it is kept, without a row: enough to tell whether it changed.

        Raises Unmappable, or Unstorable for what Postgres cannot hold.
        """
        kept = record
        if self._ignored:
            kept = dict(record)
            for name in self._ignored:
                kept.pop(name, None)
        data = canonical_json(kept)
        return Incoming(
            key=self.key(record),
            data=data,
            content_hash=content_hash(data),
            updated_at=self._time(record),
        )

    def project(self, incoming: Incoming, record: Record, *, at: datetime) -> Incoming:
        """The same with the row that the record becomes, and when it was deleted, if it was.

        `at` dates a deletion for which the source gives no time. What is gone and cannot be mapped
        has no row. Raises Unmappable for what is not gone.
        """
        deleted = self._is_deleted is not None and self._is_deleted(record)
        deleted_at = (incoming.updated_at or at) if deleted else None
        for holds, entity in self._entities:
            if holds(record):
                try:
                    row = entity.row(record)
                except Unmappable:
                    if deleted:
                        break
                    raise
                return incoming._replace(entity=entity.entity, row=row, deleted_at=deleted_at)
        return incoming._replace(deleted_at=deleted_at)

    def rejection(self, record: Record, error: RemitError) -> Rejection:
        """The record set aside, with its key if it has one that can be stored."""
        key: str | None
        try:
            key = self.key(record)
            canonical_json({"key": key})  # raises for what Postgres cannot hold
        except (Unmappable, Unstorable):
            key = None
        return Rejection(key, record, str(error))

    def _time(self, record: Record) -> datetime | None:
        if self._updated_at is None:
            return None
        try:
            return to_timestamp(self._updated_at(record))
        except ValueError as error:
            raise Unmappable(f"its time of change: {error}") from None


class _EntityMapper:
    """One entity of a stream; every row it makes has the same columns."""

    def __init__(
        self,
        mapping: EntityMapping,
        stream: Stream,
        spec: EntitySpec,
        settings: Mapping[str, Any],
    ) -> None:
        self.entity = mapping.entity
        self._fields = [
            _field(spec.fields[name], value, settings) for name, value in mapping.fields.items()
        ]
        self._references = [
            (
                column,
                compile_condition(reference.when),
                _key_of(reference),
                _ids(stream, reference.stream),
            )
            for column, reference in mapping.references.items()
        ]
        self._url = _url(mapping.url, settings) if mapping.url else None
        self._custom = _custom(mapping)

    def row(self, record: Record) -> Row:
        row: Row = {}
        for name, fill in self._fields:
            try:
                fill(record, row)
            except ValueError as error:
                raise Unmappable(f"field {name}: {error}") from None
        for column, holds, get, identify in self._references:
            try:
                key = to_text(get(record)) if holds(record) else None
            except ValueError as error:
                raise Unmappable(f"field {column}: {error}") from None
            row[column] = identify(key) if key is not None else None
        row["remote_url"] = self._url(record) if self._url is not None else None
        row["custom"] = self._custom(record)
        return row


def _field(
    field: FieldSpec, value: Value | MoneyValue, settings: Mapping[str, Any]
) -> tuple[str, Callable[[Record, Row], None]]:
    if isinstance(value, MoneyValue):
        return field.name, _money(field.name, value, settings)
    get, convert, name = compile_value(value), CONVERSIONS[field.type], field.name
    raw = _raw(value) if field.keep_raw else None

    def fill(record: Record, row: Row) -> None:
        row[name] = convert(get(record))
        if raw is not None:
            row[f"{name}_raw"] = to_text(raw(record))

    return name, fill


def _key_of(reference: Reference) -> Getter:
    return compile_value(Value(path=reference.path, matching=reference.matching))


def _raw(value: Value) -> Getter:
    """The source's own value of an enum field, before it is translated."""
    if value.raw is not None:
        return compile_paths(value.raw)
    return compile_value(value.model_copy(update={"translation": None, "prefix": None}))


def _money(
    name: str, value: MoneyValue, settings: Mapping[str, Any]
) -> Callable[[Record, Row], None]:
    minor = value.minor is not None
    amount = compile_paths(value.minor or value.major or "")
    currency = compile_paths(value.currency)
    only = settings.get(value.setting) if value.setting is not None else None

    def fill(record: Record, row: Row) -> None:
        units, code = to_money(amount(record), currency(record) or only, minor=minor)
        row[f"{name}_minor"], row[f"{name}_currency"] = units, code

    return fill


def _ids(stream: Stream, name: str) -> Callable[[str], UUID]:
    target = Stream(tenant=stream.tenant, source=stream.source, name=name)
    # The records of a page point to few others (an account, an owner), over and over again.
    return lru_cache(maxsize=10_000)(lambda key: row_id(target, key))


def _url(template: str, settings: Mapping[str, Any]) -> Callable[[Record], str | None]:
    """Fills {base_url}, {settings.NAME} and {path} into an address that a person can open; there
    is none where the record leaves out a part of it."""
    parts = _PLACEHOLDER.split(template)
    fixed, paths = parts[::2], parts[1::2]
    given = {"base_url": settings.get("base_url", "")}
    given |= {f"settings.{name}": value for name, value in settings.items()}

    def fixed_text(path: str) -> Getter:
        return lambda _record: given[path]

    getters = [fixed_text(path) if path in given else compile_paths(path) for path in paths]

    def fill(record: Record) -> str | None:
        found = [get(record) for get in getters]
        if None in found:
            return None
        return "".join(a + b for a, b in zip(fixed, [*map(str, found), ""], strict=True))

    return fill


def _custom(mapping: EntityMapping) -> Callable[[Record], Row]:
    """Collects the customer's own fields, without those that the model has a field for."""
    patterns = [entry for entry in mapping.custom if "*" in entry]
    objects = [(entry, compile_paths(entry)) for entry in mapping.custom if "*" not in entry]
    known = set(_paths(mapping))

    def collect(record: Record) -> Row:
        found: Row = {}
        for pattern in patterns:
            found |= {
                name: value
                for name, value in record.items()
                if name not in known and fnmatchcase(name, pattern)
            }
        for entry, get in objects:
            found |= {
                name: value
                for name, value in _entries(get(record))
                if f"{entry}.{name}" not in known
            }
        return to_json(found) or {}

    return collect


def _entries(value: Any) -> list[tuple[str, Any]]:
    """The entries of an object, or of a list of {id, value} as ticket fields come."""
    if isinstance(value, Mapping):
        return [(str(name), inner) for name, inner in value.items()]
    if isinstance(value, list):
        return [
            (str(item["id"]), item.get("value"))
            for item in value
            if isinstance(item, Mapping) and "id" in item
        ]
    return []


def _paths(mapping: EntityMapping) -> list[str]:
    """Every path that a field, a reference or the address reads."""
    values: list[Any] = [*mapping.fields.values(), *mapping.references.values()]
    values += _PLACEHOLDER.findall(mapping.url or "")
    found: list[str] = []
    while values:
        value = values.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            values += value
        elif isinstance(value, Value):
            values += [value.path, value.join, value.parts, value.raw]
            values += [tuple(case.when) for case in value.choose or ()]
        elif isinstance(value, MoneyValue):
            values += [value.minor, value.major, value.currency]
        elif value is not None:
            values.append(value.path)
    return found

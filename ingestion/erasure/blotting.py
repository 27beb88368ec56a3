"""Blotting out: an address wherever it stands, and the words that a person said in a record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Table, Text, cast, func, select, text, true, tuple_, update
from sqlalchemy.dialects.postgresql import JSONB

from index.tables import record
from ingestion.erasure.tenant_rows import HeldRow, TenantRows, among, records_of
from ingestion.mapping.text import clean

MARK = "[erased]"
_ENVELOPE = {"tenant_id", "source", "stream", "remote_id"}

# Not within a longer address. In JSON the letter before may belong to an escape, as the n of \n
# does; what looks like one counts as one, for JSON is also pasted into texts.
_BEGIN = r"(?:(?<![\w.+-])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4}))"
_END = r"(?!\.?[\w-])"

_RECORDS = text(
    "SELECT source, stream, key FROM json_to_recordset(CAST(:rows AS json))"
    " AS r(source text, stream text, key text)"
).columns(record.c.source, record.c.stream, record.c.key)


def address_pattern(address: str) -> str:
    """A regular expression of Postgres for the address, in texts and in JSON."""
    return f"{_BEGIN}{re.escape(address)}{_END}"


def blot_out(
    held: TenantRows, pattern: str, *, within: Sequence[HeldRow] | None = None
) -> dict[str, int]:
    """Replace what the pattern finds in records and in fields of rows; how many, by place.

    With `within`, only in these rows and their records.
    """
    counts: dict[str, int] = {}
    for place in _places(held, pattern, within):
        change = update(place.table).where(place.found).values({place.column: place.blotted})
        counts[place.name] = held.connection.execute(change).rowcount
    return {name: count for name, count in counts.items() if count}


def count_found(held: TenantRows, pattern: str) -> dict[str, int]:
    """Where `blot_out` would replace something: how many, by place."""
    counts: dict[str, int] = {}
    for place in _places(held, pattern, None):
        query = select(func.count()).select_from(place.table).where(place.found)
        counts[place.name] = held.connection.execute(query).scalar_one()
    return {name: count for name, count in counts.items() if count}


def without_words(value: Any, said: str) -> Any:
    """The JSON value without the texts that say just this, once they are cleaned as rows are."""
    if isinstance(value, str):
        return MARK if value and clean(value) == said else value
    if isinstance(value, list):
        return [without_words(item, said) for item in value]
    if isinstance(value, dict):
        return {name: without_words(item, said) for name, item in value.items()}
    return value


def without_path(value: Any, names: Sequence[str]) -> Any:
    """The JSON value with what is at the path replaced, if something is."""
    if not names:
        return value if value is None or value == "" else MARK
    first, *rest = names
    if isinstance(value, dict) and first in value:
        return {**value, first: without_path(value[first], rest)}
    if isinstance(value, list) and first.isdigit() and int(first) < len(value):
        at = int(first)
        return [*value[:at], without_path(value[at], rest), *value[at + 1 :]]
    return value


@dataclass(frozen=True)
class _Place:
    """A column, the condition that something is found there, and what it becomes."""

    name: str
    table: Table
    column: Any
    found: Any
    blotted: Any


def _places(held: TenantRows, pattern: str, within: Sequence[HeldRow] | None) -> Iterator[_Place]:
    data = cast(record.c.data, Text)
    there = (record.c.tenant_id == held.tenant) & data.op("~*")(pattern) & _records(within)
    yield _Place("record", record, record.c.data, there, cast(_blotted(data, pattern), JSONB))
    for entity, table in held.tables.items():
        of_tenant = (table.c.tenant_id == held.tenant) & _rows(entity, table, within)
        for column in table.columns:
            if column.name in _ENVELOPE:
                continue
            if isinstance(column.type, JSONB | ARRAY):
                value: Any = cast(column, Text)
                blotted: Any = cast(_blotted(value, pattern), column.type)
            elif isinstance(column.type, Text):
                value = column
                blotted = func.nullif(_blotted(value, pattern), MARK)
            else:
                continue
            found = of_tenant & value.op("~*")(pattern)
            yield _Place(f"{entity}.{column.name}", table, column, found, blotted)


def _records(within: Sequence[HeldRow] | None) -> Any:
    if within is None:
        return true()
    key = tuple_(record.c.source, record.c.stream, record.c.key)
    return key.in_(_RECORDS.bindparams(rows=records_of(within)))


def _rows(entity: str, table: Table, within: Iterable[HeldRow] | None) -> Any:
    if within is None:
        return true()
    return among(table.c.id, [row.id for row in within if row.entity == entity])


def _blotted(value: Any, pattern: str) -> Any:
    return func.regexp_replace(value, pattern, MARK, "gi")

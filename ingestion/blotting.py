"""Blotting out: an address wherever it stands, and the words that a person said in a record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, Table, Text, cast, func, update
from sqlalchemy.dialects.postgresql import JSONB

from index.tables import record
from ingestion.mapping.format import MoneyValue, StreamMapping, Value
from ingestion.mapping.text import clean

MARK = "[erased]"
_ENVELOPE = {"tenant_id", "source", "stream", "remote_id"}

# Not within a longer address. In JSON the letter before may belong to an escape, as the n of \n
# does; what looks like one counts as one, for JSON is also pasted into texts.
_BEGIN = r"(?:(?<![\w.+-])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{4}))"
_END = r"(?!\.?[\w-])"


def address_pattern(addresses: Iterable[str]) -> str | None:
    """A regular expression of Postgres for the addresses, in texts and in JSON; None for none."""
    either = "|".join(re.escape(address) for address in sorted(addresses))
    return f"{_BEGIN}(?:{either}){_END}" if either else None


def blot_out(
    connection: Connection, tables: Mapping[str, Table], tenant: str, pattern: str
) -> dict[str, int]:
    """Replace what the pattern finds in records and in fields of rows; how many, by place."""
    as_text = cast(record.c.data, Text)
    records = (
        update(record)
        .where(record.c.tenant_id == tenant, as_text.op("~*")(pattern))
        .values(data=cast(_blotted(as_text, pattern), JSONB))
    )
    counts = {"record": connection.execute(records).rowcount}
    for entity, table in tables.items():
        for column in table.columns:
            if column.name in _ENVELOPE:
                continue
            if isinstance(column.type, JSONB | ARRAY):
                value: Any = cast(column, Text)
                new: Any = cast(_blotted(value, pattern), column.type)
            elif isinstance(column.type, Text):
                value = column
                new = func.nullif(_blotted(value, pattern), MARK)
            else:
                continue
            found = (
                update(table)
                .where(table.c.tenant_id == tenant, value.op("~*")(pattern))
                .values({column: new})
            )
            counts[f"{entity}.{column.name}"] = connection.execute(found).rowcount
    return {place: count for place, count in counts.items() if count}


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


def paths_to(field: str, entity: str, mapping: StreamMapping) -> list[list[str]]:
    """All places in a record from which the mapping may take the field of the entity."""
    values = [mapped.fields.get(field) for mapped in mapping.entities if mapped.entity == entity]
    return [path.split(".") for value in values for path in _paths(value)]


def _paths(value: Value | MoneyValue | None) -> Iterator[str]:
    if not isinstance(value, Value):
        return
    if value.path is not None:
        yield from (value.path,) if isinstance(value.path, str) else value.path
    yield from value.join or ()
    for part in value.parts or ():
        yield from _paths(part)


def _blotted(value: Any, pattern: str) -> Any:
    return func.regexp_replace(value, pattern, MARK, "gi")

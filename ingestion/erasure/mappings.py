"""Where in its record a field of a row comes from, as far as the mappings can be read.

A mapping is a file: neither credentials nor a connector are needed to read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, select

from index.errors import ConfigurationError
from index.specs import EntitySpecs
from index.tables import source
from ingestion.airbyte.origin import Origin
from ingestion.erasure.tenant_rows import HeldRow
from ingestion.mapping.format import MoneyValue, StreamMapping, Value
from ingestion.mapping.loading import mapping_of


class Mapped(Protocol):
    """What an erasure needs of a source, and all of it."""

    @property
    def name(self) -> str: ...

    @property
    def mapped(self) -> Mapping[str, StreamMapping]: ...


@dataclass(frozen=True)
class _ReadMapping:
    name: str
    mapped: Mapping[str, StreamMapping]


class SourceMappings:
    """The mappings of the sources, and why that of a source cannot be read."""

    def __init__(self, sources: Iterable[Mapped], unreadable: Mapping[str, str]) -> None:
        self._mapped = {source.name: source.mapped for source in sources}
        self._unreadable = unreadable

    def paths(self, row: HeldRow, field: str) -> list[list[str]] | None:
        """All places in its record from which the field of a row may be taken; None if unknown."""
        mapping = self._mapped.get(row.source, {}).get(row.stream)
        of_entity = mapping.entities if mapping is not None else ()
        fields = [mapped.fields for mapped in of_entity if mapped.entity == row.entity]
        values = [values[field] for values in fields if field in values]
        return [path.split(".") for value in values for path in _paths(value)] if values else None

    def why_unknown(self, row: HeldRow, field: str) -> str:
        """Why `paths` knows none."""
        if row.source in self._mapped:
            return f"its mapping does not say where {row.stream} have the {field} of a {row.entity}"
        return self._unreadable.get(row.source, "it is not configured")


def read_mappings(
    origins: Mapping[str, Origin], specs: EntitySpecs
) -> tuple[list[Mapped], dict[str, str]]:
    """The mappings of the sources of these names; and why not, of those that cannot be read."""
    read: list[Mapped] = []
    unreadable: dict[str, str] = {}
    for name, origin in origins.items():
        try:
            read.append(_ReadMapping(name, mapping_of(origin, specs)))
        except ConfigurationError as error:
            unreadable[name] = str(error)
    return read, unreadable


def known_sources(connection: Connection, tenant: str) -> list[str]:
    """The names of all sources of which something may be held."""
    query = select(source.c.name).where(source.c.tenant_id == tenant).order_by(source.c.name)
    return list(connection.execute(query).scalars())


def _paths(value: Value | MoneyValue) -> Iterator[str]:
    if not isinstance(value, Value):
        return
    if value.path is not None:
        yield from (value.path,) if isinstance(value.path, str) else value.path
    yield from value.join or ()
    for part in value.parts or ():
        yield from _paths(part)

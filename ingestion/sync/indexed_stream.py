"""One stream of a source beside the index that holds it: what all work on a stream needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from sqlalchemy import Connection

from index.database import Database
from index.entity_tables import EntityTables
from index.stream import Stream
from ingestion.customers import account_entities
from ingestion.mapping.format import StreamMapping
from ingestion.mapping.mapper import Mapper
from ingestion.source import Source
from ingestion.sync.intake import Intake
from ingestion.sync.tombstones import Tombstones
from semantic_layer.identity import resolve_customers
from semantic_layer.model import Model


@dataclass(frozen=True)
class IndexedStream:
    """A stream by its name, of one tenant's source."""

    database: Database
    tables: EntityTables
    model: Model
    source: Source
    name: str
    tenant: str

    @cached_property
    def key(self) -> Stream:
        """The stream as the index knows it."""
        return self.source.stream(self.name, self.tenant)

    @cached_property
    def mapping(self) -> StreamMapping:
        return self.source.streams[self.name]

    @cached_property
    def mapper(self) -> Mapper:
        return self.source.mapper(self.name, self.tenant)

    @cached_property
    def target(self) -> Stream:
        """The stream whose rows it changes: itself, unless it only deletes in another."""
        return self.source.stream(self.mapping.deletes or self.name, self.tenant)

    @cached_property
    def intake(self) -> Intake:
        if self.mapping.deletes is None:
            return Intake(self.tables, self.target, self.mapper)
        by_process = self.source.origin.is_process
        return Tombstones(self.tables, self.target, self.mapper, by_process=by_process)

    @cached_property
    def account_entities(self) -> frozenset[str]:
        """Those of the entities it changes from which customers are resolved."""
        return account_entities(self.model, self.target)

    def update_customers(self, connection: Connection, accounts: Collection[UUID] | None) -> None:
        """Resolve anew who these accounts are the same customer as; all accounts for None."""
        resolve_customers(connection, self.tables, self.model, self.tenant, accounts)

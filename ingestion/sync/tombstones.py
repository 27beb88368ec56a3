"""Records that only say that others are gone, as the contents of a recycling bin do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from index.entity_tables import EntityTables
from index.removal import mark_deleted
from index.writer import Stream
from ingestion.mapping.mapper import Mapper
from ingestion.sync.intake import Identified, Intake, Taken


class Tombstones(Intake):
    """Takes records by removing those of the same keys from another stream; keeps none of them."""

    def __init__(self, tables: EntityTables, target: Stream, mapper: Mapper) -> None:
        super().__init__(tables, target, mapper)
        self._target = target

    def take(
        self,
        connection: Connection,
        records: Sequence[Identified],
        at: datetime,
        *,
        began: datetime | None = None,  # noqa: ARG002
    ) -> Taken:
        """Remove, in this transaction, those that are still held; `at` is when that was read."""
        keys = [incoming.key for incoming, _ in records]
        gone = mark_deleted(connection, self._tables, self._target, keys, at, unseen_since=at)
        changed = {entity: list(gone) for entity in self._target.entities}
        return Taken(changed=changed, written=len(gone), deleted=len(gone))

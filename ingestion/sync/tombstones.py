"""Records that only say that others are gone, as the contents of a recycling bin do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from index.entity_tables import EntityTables
from index.removal import mark_deleted
from index.stream import Stream
from ingestion.mapping.mapper import Mapper
from ingestion.sync.intake import Identified, Intake, Taken


class Tombstones(Intake):
    """Takes records by removing those of the same keys from another stream; keeps none of them."""

    def __init__(
        self, tables: EntityTables, target: Stream, mapper: Mapper, *, by_process: bool
    ) -> None:
        """`by_process` says that a process reads them, together with those that they are about."""
        super().__init__(tables, target, mapper)
        self._target = target
        self._by_process = by_process

    def take(
        self,
        connection: Connection,
        records: Sequence[Identified],
        at: datetime,
        *,
        began: datetime | None = None,
        mapped: Callable[[], None] | None = None,  # noqa: ARG002
    ) -> Taken:
        """Remove, in this transaction, those that are still held; `at` is when that was read.

        What a sync wrote or a live read saw after reading them `began` stays, for it may have been
        restored; if it was not, the next list or a reconcile tells. They are noted as gone since
        then, so a live read that began later brings them back.
        """
        keys = [one.incoming.key for one in records]
        # Of a process both streams are read at once, so what the same run has written since is no
        # sign of a restoration; and it is never read live.
        since = at if began is None or self._by_process else began
        gone = mark_deleted(connection, self._tables, self._target, keys, since, unseen_since=since)
        changed = {entity: list(gone) for entity in self._target.entities}
        return Taken(changed=changed, written=len(gone), deleted=len(gone))

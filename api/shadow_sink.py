"""Keeps what a trial of policies finds."""

from __future__ import annotations

from collections.abc import Sequence

from anyio import to_thread

from access_policies.versions.shadow_runs import Difference, record
from index.database import Database


class ShadowSink:
    """Writes the differences of reads into the database, aside from the reads themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, tenant: str, version: int, differences: Sequence[Difference]) -> None:
        """Count the differences of one read."""
        await to_thread.run_sync(self._record, tenant, version, differences)

    def _record(self, tenant: str, version: int, differences: Sequence[Difference]) -> None:
        with self._database.writing() as connection:
            record(connection, tenant, version, differences)

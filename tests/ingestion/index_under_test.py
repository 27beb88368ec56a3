"""An index that syncs from the simulator: what the tests of ingestion do and look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text

from index.database import Database
from index.entity_tables import EntityTables
from ingestion import LiveSources, Progress, Source, SourceConfig, SyncReport, sync_source
from ingestion.simulator import Simulator
from semantic_layer import Model

TENANT = "northbeam"
VENDORS = ("salesforce", "zendesk", "stripe")
_CREDENTIALS = {
    "salesforce": ("client_id", "client_secret"),
    "zendesk": ("email", "api_token"),
    "stripe": ("api_key",),
}

Row = Mapping[str, Any]


def settings(simulator: Simulator, vendor: str, **changed: Any) -> dict[str, Any]:
    """What a source needs to read the simulator; failed requests are repeated soon, and twice."""
    credentials = {name: simulator.credentials[vendor][name] for name in _CREDENTIALS[vendor]}
    base_url = getattr(simulator, f"{vendor}_url")
    patience = {"retries": 2, "retry_seconds": 0.01}
    return {"base_url": base_url, **patience, **credentials, **changed}


@dataclass
class Index:
    """A database, and the simulator it is filled from."""

    database: Database
    model: Model
    tables: EntityTables
    simulator: Simulator

    def source(self, vendor: str, **changed: Any) -> Source:
        config = SourceConfig(vendor, vendor, settings(self.simulator, vendor, **changed))
        return Source(config, self.model.specs)

    def sync(
        self,
        vendor: str,
        progress: Callable[[Progress], None] | None = None,
        **changed: Any,
    ) -> SyncReport:
        return sync_source(
            self.database,
            self.tables,
            self.model,
            self.source(vendor, **changed),
            tenant=TENANT,
            progress=progress,
        )

    def sync_all(self) -> dict[str, SyncReport]:
        return {vendor: self.sync(vendor) for vendor in VENDORS}

    def live(self, **options: Any) -> LiveSources:
        sources = [self.source(vendor) for vendor in VENDORS]
        return LiveSources(self.database, self.tables, self.model, sources, **options)

    def rows(self, entity: str, *, source: str | None = None, deleted: bool = False) -> list[Row]:
        """Rows of an entity by remote id; those that are deleted only when asked for."""
        table = self.tables[entity]
        query = select(table).order_by(table.c.source, table.c.remote_id)
        if source is not None:
            query = query.where(table.c.source == source)
        if not deleted:
            query = query.where(table.c.deleted_at.is_(None))
        with self.database.writing() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def row(self, entity: str, remote_id: str | int) -> Row | None:
        """One row, deleted or not."""
        rows = self.rows(entity, deleted=True)
        return next((row for row in rows if row["remote_id"] == str(remote_id)), None)

    def ask(self, statement: str) -> list[Row]:
        with self.database.writing() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def contents(self) -> dict[str, list[Row]]:
        """All that syncs write, without the times at which they did."""
        times = {"synced_at", "live_at", "linked_at"}
        found = {name: self.rows(name, deleted=True) for name in self.tables}
        found["record"] = self.ask("SELECT * FROM remit.record ORDER BY source, stream, key")
        found["state"] = self.ask("SELECT * FROM remit.stream_state ORDER BY source, stream")
        found["links"] = self.ask("SELECT * FROM remit.identity_link ORDER BY member_id")
        return {
            name: [{key: row[key] for key in row.keys() - times} for row in rows]
            for name, rows in found.items()
        }

    def calls(self, vendor: str, path: str = "") -> int:
        """How often the vendor was asked for paths that hold `path`."""
        requests = self.simulator.requests(vendor)
        return sum(request["count"] for request in requests if path in request["path"])

"""An index that syncs from the simulator: what the tests of ingestion do and look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.origin import Origin
from ingestion.live.sources import LiveSources
from ingestion.simulator import Company, Simulator
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import Progress, SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model
from tests.conftest import connected, fresh_database

TENANT = "northbeam"
VENDORS = ("salesforce", "zendesk", "stripe")
_CREDENTIALS = {
    "salesforce": ("client_id", "client_secret"),
    "zendesk": ("email", "api_token"),
    "stripe": ("api_key",),
    "hubspot": ("access_token", "portal_id"),
    "freshdesk": ("api_key",),
    "chargebee": ("api_key",),
    "jira": ("email", "api_token"),
}

# So small that every stream has several pages.
PAGE = 40

Row = Mapping[str, Any]


def settings(simulator: Simulator, vendor: str, **changed: Any) -> dict[str, Any]:
    """What a source needs to read the simulator; failed requests are repeated soon, and twice."""
    credentials = {name: simulator.credentials[vendor][name] for name in _CREDENTIALS[vendor]}
    base_url = simulator.urls[vendor]
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
        given = settings(self.simulator, vendor, **changed)
        config = SourceConfig(vendor, vendor, given, origin=Origin(connector=vendor))
        return Source(config, self.model.specs)

    def sync(
        self,
        vendor: str,
        progress: Callable[[Progress], None] | None = None,
        *,
        reconcile: bool = False,
        allow_deletes: bool = False,
        **changed: Any,
    ) -> SyncReport:
        return sync_source(
            self.database,
            self.tables,
            self.model,
            self.source(vendor, **changed),
            tenant=TENANT,
            progress=progress,
            reconcile=reconcile,
            allow_deletes=allow_deletes,
        )

    def sync_all(self) -> dict[str, SyncReport]:
        """Of every vendor that the simulator serves."""
        return {vendor: self.sync(vendor) for vendor in self.simulator.urls}

    def live(self, **options: Any) -> LiveSources:
        sources = [self.source(vendor) for vendor in self.simulator.urls]
        return LiveSources(
            self.database,
            self.tables,
            self.model,
            lambda: sources,
            **{"tenant": TENANT, **options},
        )

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
        times = {"synced_at", "live_at", "linked_at", "tried_at", "reconciled_at"}
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


@contextmanager
def first_synced(
    cluster: str, template: str, model: Model, company: Company, vendors: Sequence[str]
) -> Iterator[str]:
    """The name of a database after a first sync of the vendors."""
    with fresh_database(cluster, template) as url:
        with (
            connected(url) as database,
            Simulator(company, page_limit=PAGE, vendors=vendors) as simulator,
        ):
            index = Index(database, model, EntityTables(model.specs), simulator)
            assert all(report.complete for report in index.sync_all().values())
        name = make_url(url).database
        assert name is not None
        yield name

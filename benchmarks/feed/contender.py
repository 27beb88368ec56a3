"""One reading of the feed by Remit in a process of its own, so that its memory is nobody else's.

`python -m benchmarks.feed.contender reader|sync BASE_URL [DATABASE_URL CHANGES]` prints as JSON how
long the first reading took, of how many records: with nothing done with them, and by a sync. After
it `sync` has the server change one ticket, CHANGES times, and syncs what is new each time.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.in_process import read_stream
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model, load_model

FOLDER = Path(__file__).resolve().parent
TENANT = "feed-bench"
_STATE = text("SELECT state FROM remit.stream_state WHERE tenant_id = :tenant")


def read(source: Source) -> int:
    """How many records Remit reads, when it does nothing with them."""
    items = read_stream(source.manifest, source.settings, "tickets", None, logger="airbyte.reader")
    return sum(isinstance(item, dict) for item in items)


def feed_source(model: Model, base_url: str) -> Source:
    """The feed as a source of Remit, by its manifest and mapping."""
    origin = Origin(manifest=FOLDER / "manifest.yaml", mapping=FOLDER / "mapping.yaml")
    return Source(SourceConfig("feed", "feed", {"base_url": base_url}, origin=origin), model.specs)


def main() -> None:
    """Be the contender that the arguments name."""
    kind, base_url, *rest = sys.argv[1:]
    logging.getLogger("airbyte").propagate = False
    model = load_model()
    source = feed_source(model, base_url)
    if kind == "reader":
        seconds, records = _timed(lambda: read(source))
        print(json.dumps({"seconds": seconds, "records": records}))
    else:
        database = Database(rest[0])
        print(json.dumps(_sync(model, source, database, base_url, changes=int(rest[1]))))


def _sync(
    model: Model, source: Source, database: Database, base_url: str, *, changes: int
) -> dict[str, object]:
    tables = EntityTables(model.specs)

    def sync() -> SyncReport:
        return sync_source(database, tables, model, source, tenant=TENANT)

    seconds, report = _timed(sync)
    ours, state = [], None
    for _ in range(changes):
        httpx.post(f"{base_url}/change", timeout=10).raise_for_status()
        with database.writing() as connection:
            state = connection.execute(_STATE, {"tenant": TENANT}).scalar_one()
        taken, news = _timed(sync)
        ours.append(taken)
        written = sum(stream.written for stream in news.streams)
        if written != 1:
            raise AssertionError(f"one ticket changed, {written} were written")
    return {
        "seconds": seconds,
        "records": sum(stream.read for stream in report.streams),
        "news": ours,
        "state": state,  # before the last change
    }


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = action()
    return time.perf_counter() - start, value


if __name__ == "__main__":
    main()

"""Syncs in processes of their own, which the tests can kill or which kill themselves.

An order is a line of JSON: the `url` of the database, `settings` by vendor, after how many batches
it dies (`die_after`), and the `command` of a connector if it is not the vendor's.
"""

from __future__ import annotations

import json
import os
import signal

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import Progress
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import load_model
from tests.ingestion.sync.forked import serve

TENANT = "northbeam"


def sync(
    url: str,
    settings: dict[str, dict[str, object]],
    die_after: int | None,
    command: list[str] | None = None,
) -> None:
    """Sync all sources in small batches; kill this process after so many, if told."""
    model = load_model()
    batches = 0

    def count(_: Progress) -> None:
        nonlocal batches
        batches += 1
        if batches == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    for vendor, given in settings.items():
        origin = Origin(command=tuple(command)) if command else Origin(connector=vendor)
        config = SourceConfig(vendor, vendor, given, origin=origin)
        sync_source(
            Database(url),
            EntityTables(model.specs),
            model,
            Source(config, model.specs),
            tenant=TENANT,
            progress=count,
            batch=20,
        )


def _run(order: str) -> int:
    sync(**json.loads(order))
    return 0


if __name__ == "__main__":
    serve(_run)

"""A sync in a process of its own, which the tests can kill: URL, vendors and settings as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys

from index.database import Database
from index.entity_tables import EntityTables
from ingestion import Progress, Source, SourceConfig, sync_source
from ingestion.airbyte.origin import Origin
from semantic_layer import load_model

TENANT = "northbeam"


def main(url: str, settings: dict[str, dict[str, object]], die_after: int | None) -> None:
    """Sync all sources in small batches; kill this process after so many, if told."""
    model = load_model()
    batches = 0

    def count(_: Progress) -> None:
        nonlocal batches
        batches += 1
        if batches == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    for vendor, given in settings.items():
        config = SourceConfig(vendor, vendor, given, origin=Origin(connector=vendor))
        sync_source(
            Database(url),
            EntityTables(model.specs),
            model,
            Source(config, model.specs),
            tenant=TENANT,
            progress=count,
            batch=20,
        )


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    main(order["url"], order["settings"], order["die_after"])

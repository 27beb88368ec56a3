"""A sync in a process of its own, which the tests can kill.

It takes one argument of JSON: the `url` of the database, `settings` by vendor, after how many
batches it dies (`die_after`), and the `command` of a connector if it is not the vendor's.
"""

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


def main(
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


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))

"""The feed read by PyAirbyte into its Postgres cache: the schema `pyairbyte` of the database.

A Python with `airbyte` runs this file, which therefore imports nothing of Remit:
`python pyairbyte_reader.py BASE_URL DATABASE_URL`.
"""

import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

os.environ["AIRBYTE_OFFLINE_MODE"] = "1"  # before it is imported: no registry, no telemetry
import airbyte  # type: ignore[import-not-found]
from airbyte.caches import PostgresCache  # type: ignore[import-not-found]


def main() -> None:
    """Read everything once, and print how long that took."""
    base_url, database_url = sys.argv[1:]
    url = urlsplit(database_url)
    os.environ["PGHOST"] = parse_qs(url.query).get("host", [url.hostname])[0] or ""
    cache = PostgresCache(
        host="",  # a socket's folder is no host to PyAirbyte, but the driver knows this variable
        port=url.port or 5432,
        username=url.username or "",
        password=url.password or "",
        database=url.path.strip("/"),
        schema_name="pyairbyte",
    )
    source = airbyte.get_source(
        "source-feed",
        config={"base_url": base_url},
        source_manifest=Path(__file__).with_name("manifest.yaml"),
        streams=["tickets"],
    )
    start = time.perf_counter()
    result = source.read(cache, force_full_refresh=True)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "records": result.processed_records}))


if __name__ == "__main__":
    main()

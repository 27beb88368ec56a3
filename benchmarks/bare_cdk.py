"""The Airbyte CDK as it comes, which reads a manifest as it is written and keeps nothing.

It runs in a process of its own, because Remit changes the CDK of a process that it is in: `python
-m benchmarks.bare_cdk` takes a `Job` as JSON and prints a `Reading`.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from airbyte_cdk.models import airbyte_protocol as cdk
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)
from airbyte_protocol_dataclasses import models as protocol

COMMAND = (sys.executable, "-m", "benchmarks.bare_cdk")


@dataclass(frozen=True)
class Job:
    """The streams to read one after the other, each from its state on, so many times."""

    manifest: str
    settings: Mapping[str, Any]
    streams: Mapping[str, Any | None]
    runs: int = 1

    def json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Reading:
    """What it took, by the clock and of the processor: the middle one of the runs."""

    records: int
    seconds: float
    processor: float


def read(job: Job) -> Reading:
    """Do the job in a process of its own."""
    done = subprocess.run(COMMAND, input=job.json(), stdout=subprocess.PIPE, text=True, check=True)
    return Reading(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Do the job that comes by standard input."""
    logging.getLogger("airbyte").propagate = False
    job = Job(**json.load(sys.stdin))
    manifest = yaml.safe_load(Path(job.manifest).read_text(encoding="utf-8"))
    runs: list[Reading] = []
    for _ in range(job.runs):
        start, processor = time.perf_counter(), time.process_time()
        records = sum(
            _records(manifest, job.settings, name, state) for name, state in job.streams.items()
        )
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        runs.append(Reading(records, seconds, processor))
    seconds = median(run.seconds for run in runs)
    processor = median(run.processor for run in runs)
    print(json.dumps(asdict(Reading(runs[-1].records, seconds, processor))))


def _records(
    manifest: Mapping[str, Any], settings: Mapping[str, Any], stream: str, state: Any | None
) -> int:
    configured = protocol.ConfiguredAirbyteStream(
        stream=protocol.AirbyteStream(
            name=stream, json_schema={}, supported_sync_modes=[protocol.SyncMode.incremental]
        ),
        sync_mode=protocol.SyncMode.incremental,
        destination_sync_mode=protocol.DestinationSyncMode.append_dedup,
    )
    catalog = protocol.ConfiguredAirbyteCatalog(streams=[configured])
    states = [] if state is None else [_state(stream, state)]
    source = ConcurrentDeclarativeSource(
        catalog=catalog, config=settings, state=states, source_config=dict(manifest)
    )
    messages = source.read(logging.getLogger("airbyte.bare"), settings, catalog, states)
    return sum(message.record is not None for message in messages)


def _state(stream: str, state: Any) -> cdk.AirbyteStateMessage:
    return cdk.AirbyteStateMessage(
        type=protocol.AirbyteStateType.STREAM,
        stream=cdk.AirbyteStreamState(
            stream_descriptor=protocol.StreamDescriptor(name=stream),
            stream_state=cdk.AirbyteStateBlob(**state),
        ),
    )


if __name__ == "__main__":
    main()

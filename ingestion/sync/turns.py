"""How the streams of a run are read: one after the other, or all of them by one process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from ingestion.airbyte.connector import Ended
from ingestion.airbyte.process_connector import ProcessConnector
from ingestion.sync.batch import BATCH_BYTES
from ingestion.sync.indexed_stream import IndexedStream
from ingestion.sync.report import StreamReport
from ingestion.sync.seen import seen_keys
from ingestion.sync.stream_sync import Run, StreamSync, SyncStopped


def read_streams(streams: Sequence[IndexedStream], run: Run) -> Iterator[StreamReport]:
    """Sync the streams of one source; gives the report of each when it has ended."""
    if not streams:
        return
    reader = streams[0].source.reader
    if isinstance(reader, ProcessConnector):
        yield from _together(streams, run, reader)
        return
    for stream in streams:
        with seen_keys(stream.database) as seen:
            sync = StreamSync(stream, run, seen, batch_bytes=BATCH_BYTES)
            sync.begin()
            yield sync.end(sync.read())


def _together(
    streams: Sequence[IndexedStream], run: Run, reader: ProcessConnector
) -> Iterator[StreamReport]:
    """One process for all of them, because to start one takes seconds."""
    with seen_keys(streams[0].database) as seen:
        # Their records may come in turn, so together they hold no more than one alone would.
        share = BATCH_BYTES // len(streams)
        syncs = {
            stream.name: StreamSync(stream, run, seen, batch_bytes=share) for stream in streams
        }
        states = {name: sync.begin() for name, sync in syncs.items()}
        with closing(reader.read_together(states, run.stop)) as items:
            for name, item in items:
                sync = syncs[name]
                if isinstance(item, Ended):
                    if run.is_stopping:
                        raise SyncStopped  # which may be why it ended
                    for text in item.warnings:
                        sync.warn(text, item.refused)
                    yield sync.end(item.problem)
                else:
                    sync.take(item)

"""One stream read through the Airbyte CDK, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airbyte_protocol_dataclasses import models as protocol

from ingestion.airbyte.admission import Admission, Admit
from ingestion.airbyte.cdk import ConcurrentDeclarativeSource
from ingestion.airbyte.cdk import airbyte_protocol as cdk
from ingestion.airbyte.completion import refuse_unfit
from ingestion.airbyte.connector import Record
from ingestion.airbyte.state import State, has_position, stream_state

__all__ = ["Record", "State", "discover_streams", "read_stream"]


def discover_streams(
    manifest: Mapping[str, Any], settings: Mapping[str, Any], *, admit: Admit | None = None
) -> list[protocol.AirbyteStream]:
    """The streams that a manifest has with these settings, for some of which the source is asked.

    Raises whatever the CDK raises.
    """
    source = _Source(
        config=settings,
        source_config=dict(manifest),
        logger_name="airbyte.discover",
        admit=admit,
    )
    return [stream.as_airbyte_stream() for stream in source.streams(settings)]


def read_stream(
    manifest: Mapping[str, Any],
    settings: Mapping[str, Any],
    stream: str,
    state: Any | None,
    *,
    logger: str,
    admit: Admit | None = None,
) -> Iterator[Record | State]:
    """The stream's records, and STATE in between, as plain values; `admit` lets requests through.

    Raises RuntimeError when the stream broke off; why is only in the CDK's log, under `logger`.
    """
    catalog, states = _catalog(stream), _states(stream, state)
    source = _Source(
        catalog=catalog,
        config=settings,
        state=states,
        source_config=dict(manifest),
        logger_name=logger,
        admit=admit,
    )
    complete = False
    try:
        for message in source.read(source.logger, settings, catalog, states):
            if message.record is not None:
                yield message.record.data
            elif message.state is not None and message.state.stream is not None:
                reached = vars(message.state.stream.stream_state)
                if has_position(reached):
                    yield State(reached)
            elif message.trace is not None:
                if message.trace.type is protocol.TraceType.ERROR:
                    # The CDK would try the other parts of the stream, each with all its retries,
                    # and end with a STATE that covers nothing.
                    break
                status = message.trace.stream_status
                if status is not None:
                    complete = status.status is protocol.AirbyteStreamStatus.COMPLETE
        if not complete:
            raise RuntimeError("the stream ended incomplete")
    finally:
        source.stop()


class _Source(ConcurrentDeclarativeSource):
    """The CDK's source with a logger of our naming, a way to stop it, and no foreign code."""

    def __init__(
        self,
        *,
        logger_name: str,
        config: Mapping[str, Any],
        admit: Admit | None = None,
        **options: Any,
    ) -> None:
        self._logger_name = logger_name.removeprefix("airbyte.")
        self._admit = admit
        # Nothing says for sure which of the settings are secrets.
        self._has_secrets = any(name != "base_url" for name in config)
        self._is_over = False
        super().__init__(config=config, **options)

    @property
    def name(self) -> str:
        return self._logger_name

    @property
    def dynamic_streams(self) -> list[dict[str, Any]]:
        """The streams that are made while it runs, of texts that become components.

        Nothing of them is made yet. Raises ConfigurationError for one that is not to be run.
        """
        streams = super().dynamic_streams
        refuse_unfit(streams, "a stream made while it runs")
        return streams

    def _prepare_for_stream_build(self) -> None:
        super()._prepare_for_stream_build()
        own = self._constructor._api_budget
        if not isinstance(own, Admission):
            self._constructor._api_budget = Admission(
                self._admit, lambda: self._is_over, own, stays=self._has_secrets
            )

    def stop(self) -> None:
        """Let the CDK's threads end, also when nobody takes what they read any more.

        Parts of the stream that were not begun are dropped. One under way waits for room in a
        bounded queue, and a process that ends would wait for it.
        """
        self._is_over = True
        self._concurrent_source._threadpool._shutdown()
        queue = self._concurrent_source._queue

        def refuse(*_: Any, **__: Any) -> None:
            raise RuntimeError("nobody reads this stream any more")

        queue.put = refuse  # type: ignore[method-assign]
        with queue.mutex:
            queue.queue.clear()
            queue.not_full.notify_all()


def _catalog(stream: str) -> protocol.ConfiguredAirbyteCatalog:
    # The CDK takes schema, cursor and sync mode from the manifest, never from here.
    configured = protocol.ConfiguredAirbyteStream(
        stream=protocol.AirbyteStream(
            name=stream, json_schema={}, supported_sync_modes=[protocol.SyncMode.incremental]
        ),
        sync_mode=protocol.SyncMode.incremental,
        destination_sync_mode=protocol.DestinationSyncMode.append_dedup,
    )
    return protocol.ConfiguredAirbyteCatalog(streams=[configured])


def _states(stream: str, state: Any | None) -> list[cdk.AirbyteStateMessage]:
    if state is None:
        return []
    return [
        cdk.AirbyteStateMessage(
            type=protocol.AirbyteStateType.STREAM,
            stream=cdk.AirbyteStreamState(
                stream_descriptor=protocol.StreamDescriptor(name=stream),
                stream_state=cdk.AirbyteStateBlob(**stream_state(state)),
            ),
        )
    ]

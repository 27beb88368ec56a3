"""A configured source, read in process through the Airbyte CDK."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from index.errors import ConfigurationError, Unavailable
from index.specs import EntitySpecs
from index.writer import Stream
from ingestion.airbyte.diagnosis import listening, reason
from ingestion.airbyte.in_process import Record, State, read_stream
from ingestion.airbyte.manifest import CONNECTORS, check_settings, load_manifest
from ingestion.configuration import SourceConfig
from ingestion.live.client import Client
from ingestion.mapping.format import StreamMapping, load_mapping
from ingestion.mapping.mapper import Mapper


class SourceError(Unavailable):
    """A source that could not be read; the message has no payload and no secret."""

    def __init__(self, source: str, stream: str, why: str) -> None:
        super().__init__(f"{source}, {stream}: {why}.")
        self.source = source
        self.stream = stream
        self.reason = why


class Source:
    """One configured source: what streams it has, what they become, and how they are read.

    Raises ConfigurationError when the connector is unknown, its settings are not as the connector
    wants them, or its mapping does not fit the model.
    """

    def __init__(self, config: SourceConfig, specs: EntitySpecs) -> None:
        self.name = config.name
        self.connector = config.connector
        self.manifest = load_manifest(config.connector)
        self.settings = dict(config.settings)
        check_settings(self.manifest, self.settings, f"source {config.name!r}")
        self.base_url = str(self.settings.get("base_url", "")).rstrip("/")
        self.settings["base_url"] = self.base_url
        self._specs = specs
        self.streams: Mapping[str, StreamMapping] = load_mapping(
            CONNECTORS / config.connector / "mapping.yaml", specs
        )
        known = {stream["name"] for stream in self.manifest["streams"]}
        strange = sorted(self.streams.keys() - known)
        if strange:
            raise ConfigurationError(
                f"connector {config.connector}: the mapping names stream {strange[0]!r}, which the"
                f" manifest does not have ({', '.join(sorted(known))})."
            )
        self._stream_of = {
            mapped.entity: name
            for name, stream in self.streams.items()
            for mapped in stream.entities
        }

    def stream(self, name: str, tenant: str) -> Stream:
        """The stream as the index knows it."""
        entities = tuple(mapped.entity for mapped in self.streams[name].entities)
        return Stream(tenant=tenant, source=self.name, name=name, entities=entities)

    def mapper(self, name: str, tenant: str) -> Mapper:
        """What turns the stream's records into rows of the tenant."""
        return Mapper(self.streams[name], self.stream(name, tenant), self._specs, self.settings)

    def stream_of(self, entity: str) -> str | None:
        """The stream whose records become rows of the entity, None when there is none."""
        return self._stream_of.get(entity)

    def client(self) -> Client:
        """A client for single requests; the caller closes it."""
        return Client(self.manifest, self.settings, self.name)

    def read(
        self, stream: str, state: Any | None, *, warn: Callable[[str, bool], None]
    ) -> Generator[Record | State, None, None]:
        """Read a stream, from `state` on when there is one: its records, and STATE in between.

        `warn` is told what the connector passed over, and whether that was a refusal, after which
        the stream must not count as complete. Raises SourceError when the stream broke off; what
        came before it is good.
        """
        # A logger of its own, because only its log says which error ended the stream.
        reader = f"airbyte.remit.{self.name}.{stream}"
        with listening(stream, reader) as findings:
            try:
                for item in read_stream(
                    self._manifest_of(stream), self.settings, stream, state, logger=reader
                ):
                    # A STATE after a refusal would cover records that never came.
                    if not (findings.ignored_refusals and isinstance(item, State)):
                        yield item
            except Exception as error:
                # SourceError is raised below, for the cause in the log is better than this one.
                findings.errors.append(error)
            finally:
                for text in findings.warnings:
                    warn(self._without_secrets(text), findings.ignored_refusals)
            if findings.errors:
                why = self._without_secrets(reason(findings.errors[0]))
                raise SourceError(self.name, stream, why) from None

    def _manifest_of(self, stream: str) -> Mapping[str, Any]:
        """The manifest with this stream alone: the CDK builds and checks all that it is given."""
        streams = [given for given in self.manifest["streams"] if given["name"] == stream]
        resolved = {name: part for name, part in self.manifest.items() if name != "definitions"}
        return {**resolved, "streams": streams}

    def _without_secrets(self, text: str) -> str:
        for value in _texts(self.settings):
            # The address is no secret, and short values would mangle every sentence.
            if len(value) >= 6 and value != self.base_url:
                text = text.replace(value, "***")
        return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)

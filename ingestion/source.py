"""A configured source: what streams it has, what they become, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import closing
from functools import cached_property, partial
from threading import Event
from typing import TYPE_CHECKING, Any

from index.database import Database
from index.errors import ConfigurationError, Unavailable
from index.specs import EntitySpecs
from index.stream import Stream
from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.airbyte.check import CheckResult, StreamCheck
from ingestion.airbyte.connector import ConnectorError, Record, Warn
from ingestion.airbyte.launch import prepare_launch
from ingestion.airbyte.manifest import (
    documented_limit,
    load_manifest,
    read_manifest,
)
from ingestion.airbyte.process_connector import ProcessConnector
from ingestion.airbyte.redaction import Redactor
from ingestion.airbyte.state import State
from ingestion.mapping.format import StreamMapping, holds_raw_records
from ingestion.mapping.loading import mapping_of
from ingestion.mapping.mapper import Mapper
from ingestion.request_budget import Queue, RequestBudget
from ingestion.workspace.source_config import SourceConfig
from ingestion.workspace.specification import masked

# What brings the CDK along is imported where a source is read: it takes seconds, and most of what
# knows sources reads none.
if TYPE_CHECKING:
    from ingestion.airbyte.declarative import DeclarativeConnector
    from ingestion.live.client import Client


class SourceError(Unavailable):
    """A source that could not be read; the message has no payload and no secret.

    `stream` is None when it concerns the source as a whole.
    """

    def __init__(self, source: str, stream: str | None, why: str) -> None:
        super().__init__(f"{source}, {stream}: {why}." if stream else f"{source}: {why}.")
        self.source = source
        self.stream = stream
        self.reason = why


class Source:
    """One configured source.

    Raises ConfigurationError when the connector is unknown, its settings are not as the connector
    wants them, or its mapping does not fit the model. A connector that runs as a process is asked
    for its streams when they are first needed, which takes seconds, and says then what is wrong.
    """

    def __init__(self, config: SourceConfig, specs: EntitySpecs) -> None:
        self.name = config.name
        self.connector = config.connector
        self.origin = config.origin
        self.settings = dict(config.settings)
        self._specs = specs
        self._chosen = config.streams
        self._discovered: tuple[DiscoveredStream, ...] = ()
        self.reader = _connector(config, self.settings)
        self.requests_per_minute = config.requests_per_minute or documented_limit(
            self.manifest, str(self.settings.get("base_url", ""))
        )
        self.mapped = mapping_of(config.origin, specs)
        if config.origin.connector is not None:
            self._refuse_strange(stream["name"] for stream in self.manifest["streams"])

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest of a connector that has one, else an empty one."""
        reader = self.reader
        return {} if isinstance(reader, ProcessConnector) else reader.manifest

    @cached_property
    def streams(self) -> Mapping[str, StreamMapping]:
        """The streams that a sync reads: those of the mapping, parents first, then the others.

        Raises SourceError when the connector cannot say which streams there are, and
        ConfigurationError when one that was chosen or mapped does not exist.
        """
        if self.origin.connector is not None and self._chosen is None:
            return self.mapped  # a shipped connector reads what it has a mapping for
        discovered = self._discovered or self.discover()
        self._refuse_strange(stream.name for stream in discovered)
        found = {**self.mapped}
        raw = holds_raw_records(self._specs)
        for stream in discovered:
            # Kept as they are, so a mapping made later can be applied to what is there.
            kept = StreamMapping(key=stream.primary_key or None, raw=raw)
            found.setdefault(stream.name, kept)
        return {name: mapping for name, mapping in found.items() if self.reads(name)}

    @property
    def unmapped(self) -> tuple[str, ...]:
        """The streams among them that no mapping claims: their records are kept as they come."""
        return tuple(name for name in self.streams if name not in self.mapped)

    def reads(self, stream: str) -> bool:
        """Whether the stream is among those that the source was told to read, all unless told."""
        return self._chosen is None or stream in self._chosen

    def stream(self, name: str, tenant: str) -> Stream:
        """The stream as the index knows it."""
        entities = self._mapping(name).entity_names
        return Stream(tenant=tenant, source=self.name, name=name, entities=entities)

    def mapper(self, name: str, tenant: str) -> Mapper:
        """What turns the stream's records into rows of the tenant."""
        # People see rows, and the address of one may name a setting.
        schema = self.manifest.get("spec", {}).get("connection_specification", {})
        shown = masked(schema, self.settings)
        return Mapper(self._mapping(name), self.stream(name, tenant), self._specs, shown)

    def transformation(self, name: str) -> Callable[[Record], Record]:
        """What a record goes through that comes with the stream, for one that comes alone."""
        from ingestion.airbyte.transformation import stream_transformation

        return stream_transformation(self.manifest, name, self.settings)

    def queue(self, database: Database, tenant: str, stop: Event | None = None) -> Queue | None:
        """From now on let each request wait for its turn; None when no limit is known.

        The index must know the source. A connector that runs as a process sends its requests by
        itself, and nothing holds them.
        """
        if self.requests_per_minute is None:
            return None
        budget = RequestBudget(database, tenant, self.name, self.requests_per_minute)
        queue = Queue(budget, stop)
        if not isinstance(self.reader, ProcessConnector):
            self.reader.admit = queue.wait
        return queue

    def give_up_when(self, is_over: Callable[[], bool]) -> None:
        """From now on end a connector that runs as a process, and is asked for its streams or what
        else it takes minutes to answer, soon after `is_over` says so; then SourceError is raised.

        A read is not ended by it: it has a `stop` of its own.
        """
        if isinstance(self.reader, ProcessConnector):
            self.reader.is_over = is_over

    def client(self, admit: Callable[[], None] | None = None) -> Client:
        """A client for single requests, each of which `admit` may refuse; the caller closes it.

        Raises NotReadable for a connector whose address and credentials only itself knows how to
        use.
        """
        from ingestion.live.client import Client, NotReadable

        if "requester" not in self.manifest.get("definitions", {}):
            raise NotReadable("its connector reads whole streams, and no single records")
        return Client(self.manifest, self.settings, self.name, admit)

    def specification(self) -> Mapping[str, Any]:
        """The JSON schema of its settings. Raises SourceError when the connector cannot say."""
        try:
            return self.reader.specification()
        except (ConnectorError, ConfigurationError) as error:
            raise SourceError(self.name, None, _reason(error)) from None

    def discover(self) -> tuple[DiscoveredStream, ...]:
        """All streams that the connector has now. Raises SourceError when it cannot say."""
        try:
            self._discovered = self.reader.discover()
        except (ConnectorError, ConfigurationError) as error:
            raise SourceError(self.name, None, _reason(error)) from None
        return self._discovered

    def check(self, streams: Collection[str] | None = None) -> CheckResult:
        """Try the source, then each of the streams (all that a sync reads) up to a first record.

        Nothing is stored. When the first two streams fail alike, the others are not tried: then
        it is the credentials or the network, and every attempt may take a minute.
        """
        try:
            problem = self.reader.check()
            if problem is not None:
                return CheckResult(problem=problem)
            wanted = [name for name in self.streams if streams is None or name in streams]
        except (ConnectorError, SourceError, ConfigurationError) as error:
            return CheckResult(problem=_reason(error))
        tried: list[StreamCheck] = []
        for name in wanted:
            tried.append(self._try(name))
            if len(tried) == 2 and tried[0].problem and tried[0].problem == tried[1].problem:
                return CheckResult(problem=tried[0].problem)
        return CheckResult(streams=tuple(tried))

    def read(
        self, stream: str, state: Any | None, *, warn: Warn
    ) -> Generator[Record | State, None, None]:
        """Read a stream, from `state` on when there is one: its records, and STATE in between.

        `warn` is told what the connector passed over, and whether that was a refusal, after which
        the stream must not count as complete. Raises SourceError when the stream broke off; what
        came before it is good.
        """
        try:
            yield from self.reader.read(stream, state, warn)
        except (ConnectorError, ConfigurationError) as error:
            raise SourceError(self.name, stream, _reason(error)) from None

    def _try(self, stream: str) -> StreamCheck:
        refusals: list[str] = []

        def warn(text: str, refused: bool) -> None:
            refusals.extend([text] if refused else [])

        try:
            with closing(self.read(stream, None, warn=warn)) as items:
                empty = not any(not isinstance(item, State) for item in items)
        except SourceError as error:
            return StreamCheck(stream, problem=error.reason)
        if refusals and empty:
            return StreamCheck(stream, problem=f"the source refuses it ({refusals[0]})")
        return StreamCheck(stream, empty=empty)

    def _mapping(self, name: str) -> StreamMapping:
        # What is mapped is known without asking the connector.
        return self.mapped[name] if name in self.mapped else self.streams[name]

    def _refuse_strange(self, known: Iterable[str]) -> None:
        """Raises ConfigurationError for a stream that is mapped or chosen, and not known."""
        names = sorted(known)
        for place, wanted in (("mapping", self.mapped), ("streams", self._chosen or ())):
            strange = sorted(set(wanted) - set(names))
            if strange:
                raise ConfigurationError(
                    f"source {self.name!r}: {place} names stream {strange[0]!r}, which"
                    f" {self.connector} does not have ({', '.join(names)})."
                )


def _connector(
    config: SourceConfig, settings: dict[str, Any]
) -> DeclarativeConnector | ProcessConnector:
    """The connector of a source; `settings` get what it expects, and are checked."""
    origin = config.origin
    if origin.is_process:
        return ProcessConnector(partial(prepare_launch, origin, config.home), settings)
    from ingestion.airbyte.declarative import DeclarativeConnector
    from ingestion.airbyte.settings import check_settings

    manifest = (
        read_manifest(origin.manifest)
        if origin.manifest is not None
        else load_manifest(origin.connector or "")
    )
    check_settings(manifest, settings, f"source {config.name!r}")
    public: tuple[str, ...] = ()
    if "base_url" in settings or origin.connector is not None:
        settings["base_url"] = str(settings.get("base_url", "")).rstrip("/")
        public = (settings["base_url"],)
    return DeclarativeConnector(manifest, settings, config.name, Redactor(settings, public=public))


def _reason(error: Exception) -> str:
    """Why, without the full stop that a sentence of its own has."""
    return (error.reason if isinstance(error, ConnectorError | SourceError) else str(error)).rstrip(
        "."
    )

"""A connector that runs as a process and speaks the Airbyte protocol on its standard output."""

from __future__ import annotations

import json
import subprocess
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import orjson

from index.errors import ConfigurationError
from ingestion.airbyte.catalog import DiscoveredStream, configured_catalog, read_catalog
from ingestion.airbyte.connector import ConnectorError, Ended, Record, Warn
from ingestion.airbyte.demultiplexer import Demultiplexer
from ingestion.airbyte.launch import Launch
from ingestion.airbyte.messages import DamagedMessage, Message, is_progress, parse_message
from ingestion.airbyte.novelty import Novelty, identity
from ingestion.airbyte.private_folder import private_folder, write_private
from ingestion.airbyte.process import Process, ProcessFailure, allowed_environment
from ingestion.airbyte.redaction import Redactor
from ingestion.airbyte.state import State, sent_state, shared_state

_ENDING_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a connector may take, in seconds, and how much it may send, in bytes and records.

    A check repeats failed requests for most of a minute before it says that nobody answers.
    """

    specification: float = 120
    check: float = 180
    discover: float = 300
    idle: float = 900  # between two lines of a read, which waits out rate limits of a source
    progress: float = 3600  # between two that are a record, a STATE or a status of a stream
    message: int = 64 << 20
    repeats: int = 1_000_000  # records in a row that came before


class ProcessConnector:
    """A connector started anew for everything that it is asked.

    Its settings reach it in a file that only we can read, in a folder that is gone afterwards.
    """

    def __init__(
        self,
        launch: Callable[[Path], Launch],
        settings: Mapping[str, Any],
        *,
        limits: Limits | None = None,
    ) -> None:
        self._launch = launch
        self._settings = settings
        self._limits = limits or Limits()
        self._redact = Redactor(settings)
        self._discovered: tuple[DiscoveredStream, ...] = ()
        self.is_over: Callable[[], bool] | None = None  # whether nobody waits for an answer

    def specification(self) -> Mapping[str, Any]:
        spec = self._answer("spec", "spec", seconds=self._limits.specification, configured=False)
        schema = spec.get("connectionSpecification")
        return schema if isinstance(schema, dict) else {}

    def check(self) -> str | None:
        status = self._answer("check", "connectionStatus", seconds=self._limits.check)
        if status.get("status") == "SUCCEEDED":
            return None
        return self._sentence(status.get("message")) or "the connector says no more than that"

    def discover(self) -> tuple[DiscoveredStream, ...]:
        catalog = self._answer("discover", "catalog", seconds=self._limits.discover)
        try:
            self._discovered = read_catalog(catalog)
        except ValueError as error:
            raise ConnectorError(str(error)) from None
        return self._discovered

    def read(
        self, stream: str, state: Any | None, warn: Warn
    ) -> Generator[Record | State, None, None]:
        for _, item in self.read_together({stream: state}):
            if not isinstance(item, Ended):
                yield item
                continue
            for text in item.warnings:
                warn(text, item.refused)
            if item.problem is not None:
                raise ConnectorError(item.problem)

    def read_together(
        self, states: Mapping[str, Any | None], stop: Event | None = None
    ) -> Generator[tuple[str, Record | State | Ended], None, None]:
        """Read streams, each from its state on where there is one, by as few processes as will do.

        Each item comes with its stream, and may stand between those of others; the last of a stream
        says how it ended. A stream of which nothing came because another one failed is read anew.
        Soon after `stop` is set the streams under way end with a problem, however silent they are.
        """
        try:
            known = {stream.name: stream for stream in self._discovered or self.discover()}
        except (ConnectorError, ConfigurationError) as error:
            for name in states:
                yield name, Ended(str(error).rstrip("."))
            return
        # Those that can go on together, by the state that they share.
        groups: dict[str | None, dict[str, DiscoveredStream]] = {}
        for name, state in states.items():
            if name in known:
                groups.setdefault(shared_state(state), {})[name] = known[name]
            else:
                yield name, Ended("the source does not have it (any more)")
        for waiting in groups.values():
            before = None
            while waiting:
                came = Demultiplexer([*waiting.values()], self._redact)
                died = yield from self._read_once(waiting, states, came, stop)
                problem = came.problem or died
                for name, ended in came.end(problem, before):
                    if ended is not None:
                        del waiting[name]
                        yield name, ended
                before = None if came.heard else problem

    def _read_once(
        self,
        wanted: Mapping[str, DiscoveredStream],
        states: Mapping[str, Any | None],
        came: Demultiplexer,
        stop: Event | None,
    ) -> Generator[tuple[str, Record | State], None, str | None]:
        """What one process sends of the streams; returns why it did not end well."""
        streams = [*wanted.values()]
        files = {"config": self._settings, "catalog": configured_catalog(streams)}
        # A stream that cannot go on from a STATE may take an old one for its end.
        known = [
            (stream.raw, states[stream.name])
            for stream in streams
            if stream.incremental and states[stream.name] is not None
        ]
        if known:
            files["state"] = sent_state(known)
        news = Novelty(self._limits.repeats)
        try:
            with self._running("read", files) as process:
                is_over = stop.is_set if stop is not None else None
                with closing(self._messages(process, came, is_over=is_over)) as messages:
                    for message in messages:
                        for name, item in came.take(message):
                            yield name, item
                            self._watch(news, wanted[name], item)
                        if came.is_over:
                            break
                if not came.is_over and (status := process.wait()) != 0:
                    return self._death(process, status)
        except (ProcessFailure, ConfigurationError) as error:
            return str(error).rstrip(".")
        return None

    @staticmethod
    def _watch(news: Novelty, stream: DiscoveredStream, item: Record | State) -> None:
        news.take(repr(item.value) if isinstance(item, State) else identity(stream, item))
        if news.is_over:
            raise ProcessFailure(
                f"it sent {news.repeated:,} records in a row that it had sent before"
            )

    def _answer(
        self, verb: str, name: str, *, seconds: float, configured: bool = True
    ) -> Mapping[str, Any]:
        """The content of the one message that answers a verb. Raises ConnectorError."""
        came = Demultiplexer((), self._redact)
        files = {"config": self._settings} if configured else {}
        try:
            with self._running(verb, files) as process:
                for message in self._messages(process, came, seconds=seconds, is_over=self.is_over):
                    answer = message.get(name)
                    if message["type"] in ("SPEC", "CONNECTION_STATUS", "CATALOG") and isinstance(
                        answer, dict
                    ):
                        return answer
                    deque(came.take(message), maxlen=0)
                status = process.wait()
                raise ConnectorError(came.problem or self._death(process, status))
        except ProcessFailure as error:
            raise ConnectorError(str(error)) from None

    def _messages(
        self,
        process: Process,
        came: Demultiplexer,
        *,
        seconds: float | None = None,
        is_over: Callable[[], bool] | None = None,
    ) -> Generator[Message, None, None]:
        idle = self._limits.idle if seconds is None else None
        got_on = time.monotonic()
        lines = process.lines(
            longest=self._limits.message, idle_seconds=idle, seconds=seconds, is_over=is_over
        )
        for line in lines:
            try:
                message = parse_message(line)
            except DamagedMessage:
                raise ProcessFailure("it sent a message that is not valid JSON") from None
            if message is None:
                came.print(line)
            else:
                yield message
            now = time.monotonic()
            if message is not None and is_progress(message):
                got_on = now
            elif seconds is None and now - got_on > self._limits.progress:
                raise ProcessFailure(
                    f"it sent no record, STATE or status for {self._limits.progress:g} s"
                )

    @contextmanager
    def _running(self, verb: str, files: Mapping[str, Any]) -> Iterator[Process]:
        """The connector at work on a verb, with its files in a private folder."""
        with private_folder() as folder:
            launch = self._launch(folder)
            arguments: list[str] = [verb]
            for name, content in files.items():
                write_private(folder / f"{name}.json", _as_json(content))
                arguments += [f"--{name}", f"{launch.folder}/{name}.json"]
            # Its own temporary files, perhaps with its settings again, are gone afterwards too.
            environment = allowed_environment(TMPDIR=str(folder), DO_NOT_TRACK="1")
            command = [*launch.command, *arguments]
            try:
                with Process(command, environment=environment) as process:
                    yield process
            finally:
                _run_ending(launch.ending)

    def _death(self, process: Process, status: int) -> str:
        """How a process ended before it was done, with its own last words."""
        if status == 0:
            return "the connector ended without an answer"
        how = f"with signal {-status}" if status < 0 else f"with status {status}"
        words = self._sentence(process.complaints[-1] if process.complaints else None)
        return f"the connector ended {how}" + (f" ({words})" if words else "")

    def _sentence(self, text: object) -> str:
        return self._redact(str(text or "")).strip().rstrip(".")[:500]


def _as_json(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except TypeError:
        # A whole number of more than 64 bits, or half of a surrogate pair.
        return json.dumps(content).encode()


def _run_ending(command: Sequence[str]) -> None:
    if command:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603  of our own making
                command, timeout=_ENDING_SECONDS, capture_output=True, check=False
            )

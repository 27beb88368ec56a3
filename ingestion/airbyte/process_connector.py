"""A connector that runs as a process and speaks the Airbyte protocol on its standard output."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ingestion.airbyte.catalog import DiscoveredStream, configured_catalog, read_catalog
from ingestion.airbyte.connector import ConnectorError, Record, Warn
from ingestion.airbyte.launch import Launch
from ingestion.airbyte.messages import DamagedMessage, Message, is_progress, parse_message
from ingestion.airbyte.private_folder import private_folder, write_private
from ingestion.airbyte.process import Process, ProcessFailure, allowed_environment
from ingestion.airbyte.redaction import Redactor
from ingestion.airbyte.remarks import Remarks
from ingestion.airbyte.state import State, is_storable, received_state, sent_state

_ENDING_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a connector may take, in seconds, and how long a message may be, in bytes.

    A check repeats failed requests for most of a minute before it says that nobody answers.
    """

    specification: float = 120
    check: float = 180
    discover: float = 300
    idle: float = 900  # between two lines of a read, which waits out rate limits of a source
    progress: float = 3600  # between two that are a record, a STATE or a status of a stream
    message: int = 64 << 20


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
        wanted = self._stream(stream)
        files = {"config": self._settings, "catalog": configured_catalog(wanted)}
        # A stream that cannot go on from a STATE may take an old one for its end.
        if state is not None and wanted.incremental:
            files["state"] = sent_state(state, wanted.raw)
        remarks = Remarks(wanted.raw["name"], self._redact)
        try:
            with self._running("read", files) as process:
                messages = self._messages(process, remarks)
                with closing(messages):
                    yield from self._items(messages, wanted, remarks)
                if remarks.error is None:
                    remarks.error = self._end(process, remarks)
        except ProcessFailure as error:
            remarks.error = str(error)
        finally:
            for text in remarks.warnings:
                warn(text, remarks.doubtful)
        if remarks.error is not None:
            raise ConnectorError(remarks.error)

    def _items(
        self, messages: Iterator[Message], wanted: DiscoveredStream, remarks: Remarks
    ) -> Iterator[Record | State]:
        name = wanted.raw["name"]
        for message in messages:
            match message:
                case {"type": "RECORD", "record": {"stream": str(about), "data": dict(data)}}:
                    if about == name:
                        remarks.records += 1
                        yield data
                case {"type": "STATE", "state": dict(told)}:
                    received = received_state(told, name)
                    if received is not None and wanted.incremental and not remarks.refused:
                        if not is_storable(received):
                            raise ProcessFailure("it sent a STATE that cannot be stored")
                        yield received
                case {"type": "RECORD" | "STATE"}:
                    raise ProcessFailure("it sent a record or STATE that is not as agreed")
                case _:
                    remarks.take(message)
                    if remarks.error is not None:
                        # What it does after that is to try again, or to cover what never came.
                        return

    def _end(self, process: Process, remarks: Remarks) -> str | None:
        """Why a read whose messages have ended is not complete; None when it is."""
        status = process.wait()
        if status != 0:
            return self._death(process, status)
        return remarks.end()

    def _answer(
        self, verb: str, name: str, *, seconds: float, configured: bool = True
    ) -> Mapping[str, Any]:
        """The content of the one message that answers a verb. Raises ConnectorError."""
        remarks = Remarks("", self._redact)
        files = {"config": self._settings} if configured else {}
        try:
            with self._running(verb, files) as process:
                for message in self._messages(process, remarks, seconds=seconds):
                    answer = message.get(name)
                    if message["type"] in ("SPEC", "CONNECTION_STATUS", "CATALOG") and isinstance(
                        answer, dict
                    ):
                        return answer
                    remarks.take(message)
                status = process.wait()
                raise ConnectorError(remarks.error or self._death(process, status))
        except ProcessFailure as error:
            raise ConnectorError(str(error)) from None

    def _messages(
        self, process: Process, remarks: Remarks, *, seconds: float | None = None
    ) -> Generator[Message, None, None]:
        idle = self._limits.idle if seconds is None else None
        got_on = time.monotonic()
        for line in process.lines(longest=self._limits.message, idle_seconds=idle, seconds=seconds):
            try:
                message = parse_message(line)
            except DamagedMessage:
                raise ProcessFailure("it sent a message that is not valid JSON") from None
            if message is None:
                remarks.print(line)
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

    def _stream(self, name: str) -> DiscoveredStream:
        streams = self._discovered or self.discover()
        for stream in streams:
            if stream.name == name:
                return stream
        raise ConnectorError("the source does not have it (any more)")

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

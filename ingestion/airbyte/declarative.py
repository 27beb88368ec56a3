"""A connector that is a declarative manifest, run by the Airbyte CDK in this process."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from airbyte_protocol_dataclasses.models import SyncMode

from ingestion.airbyte.admission import Admit
from ingestion.airbyte.catalog import DiscoveredStream, read_catalog
from ingestion.airbyte.connector import ConnectorError, Record, Warn
from ingestion.airbyte.diagnosis import listening, reason
from ingestion.airbyte.in_process import discover_streams, read_stream
from ingestion.airbyte.redaction import Redactor
from ingestion.airbyte.state import State


class DeclarativeConnector:
    """Reads one stream at a time; `name` tells the logs of sources in this process apart."""

    def __init__(
        self,
        manifest: Mapping[str, Any],
        settings: Mapping[str, Any],
        name: str,
        redact: Redactor,
    ) -> None:
        self.manifest = manifest
        self._settings = settings
        self._name = name
        self._redact = redact
        self.admit: Admit | None = None  # lets each request through

    def specification(self) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = self.manifest.get("spec", {}).get(
            "connection_specification", {}
        )
        return schema

    def check(self) -> str | None:
        """Only whether the manifest can be run; whether it is let in, shows when it reads."""
        try:
            self.discover()
        except ConnectorError as error:
            return error.reason
        return None

    def discover(self) -> tuple[DiscoveredStream, ...]:
        with listening("", f"airbyte.remit.{self._name}", self._redact):
            try:
                found = discover_streams(self.manifest, self._settings, admit=self.admit)
                return read_catalog({"streams": [_plain(stream) for stream in found]})
            except Exception as error:
                # A manifest for another version of the CDK fails in any way; it may quote settings.
                why = self._redact.line(str(error))
                raise ConnectorError(f"its manifest cannot be run ({why})") from None

    def read(
        self, stream: str, state: Any | None, warn: Warn
    ) -> Generator[Record | State, None, None]:
        # A logger of its own, because only its log says which error ended the stream.
        reader = f"airbyte.remit.{self._name}.{stream}"
        with listening(stream, reader, self._redact) as findings:
            try:
                for item in read_stream(
                    self._manifest_of(stream),
                    self._settings,
                    stream,
                    state,
                    logger=reader,
                    admit=self.admit,
                ):
                    # A STATE after a refusal would cover records that never came.
                    if not (findings.ignored_refusals and isinstance(item, State)):
                        yield item
            except Exception as error:
                # ConnectorError is raised below, for the cause in the log is better than this one.
                findings.errors.append(error)
            finally:
                for text in findings.warnings:
                    warn(text, findings.ignored_refusals)
            if findings.errors:
                raise ConnectorError(self._redact(reason(findings.errors[0]))) from None

    def _manifest_of(self, stream: str) -> Mapping[str, Any]:
        """The manifest with this stream alone: the CDK builds and checks all that it is given."""
        rest = {name: part for name, part in self.manifest.items() if name != "definitions"}
        streams = [
            given for given in self.manifest.get("streams", ()) if given.get("name") == stream
        ]
        if not streams:
            return rest  # one that is made while it runs
        return {name: part for name, part in rest.items() if name != "dynamic_streams"} | {
            "streams": streams
        }


def _plain(stream: Any) -> dict[str, Any]:
    """A stream of the CDK's as the protocol writes it."""
    return {
        **vars(stream),
        "supported_sync_modes": [SyncMode(mode).value for mode in stream.supported_sync_modes],
    }

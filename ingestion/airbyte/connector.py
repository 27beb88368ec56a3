"""What every connector can be asked, whether it runs in this process or as one of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from index.errors import Unavailable
from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.airbyte.state import State

Record = dict[str, Any]

Warn = Callable[[str, bool], None]
"""Takes what a connector passed over, and whether it was a refusal by the source."""


class ConnectorError(Unavailable):
    """A connector that could not do what it was asked; `reason` has no payload and no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Ended:
    """How the read of one stream among several ended; the first is why it is not complete.

    After a refusal no record may be missed for not having come.
    """

    problem: str | None
    warnings: tuple[str, ...] = ()
    refused: bool = False


class Connector(Protocol):
    """One kind of system with one set of settings. All but `specification` raise ConnectorError."""

    def specification(self) -> Mapping[str, Any]:
        """The JSON schema of its settings."""
        ...

    def check(self) -> str | None:
        """Why the source cannot be read with these settings, None when the connector sees none."""
        ...

    def discover(self) -> tuple[DiscoveredStream, ...]:
        """The streams that there are, asked for anew each time."""
        ...

    def read(
        self, stream: str, state: Any | None, warn: Warn
    ) -> Generator[Record | State, None, None]:
        """The stream's records, from `state` on when there is one, and STATE in between.

        What came before an error is good. After a warning of a refusal no record may be missed for
        not having come, and unless others came, the stream must not count as complete either; when
        none came, no STATE covers it.
        """
        ...

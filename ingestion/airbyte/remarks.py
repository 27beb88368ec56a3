"""What a connector says of a stream beside its records: warnings, its error, and how it ended."""

from __future__ import annotations

import re
from typing import Any

from ingestion.airbyte.redaction import Redactor

_MOST = 20  # warnings
_LEVELS = ("WARN", "ERROR", "FATAL")
# How connectors speak of what the source did not let them read.
_REFUSAL = re.compile(
    r"(?:status(?: code)?|HTTP|error(?: code)?|response|answered)\W{1,3}(?:40[0134])\b"
    r"|\b(?:forbidden|unauthori[sz]ed|permission|access denied|not authori[sz]ed|scopes?)\b",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether a line of a log speaks of what the source did not let the connector read."""
    return _REFUSAL.search(text) is not None


class Remarks:
    """Collected while one stream is read."""

    def __init__(self, redact: Redactor) -> None:
        self.records = 0
        self.error: str | None = None
        self.warnings: list[str] = []
        self.status: str | None = None  # the last that was told
        self.heard = False  # whether anything came that is of this stream
        self._redact = redact
        self._refusals: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether the connector called the stream complete, and nothing spoke against it."""
        return self.status == "COMPLETE" and self.error is None

    @property
    def under_way(self) -> bool:
        """Whether the connector has begun with the stream, as far as it tells, and goes on."""
        return self.status in ("STARTED", "RUNNING") and self.error is None

    @property
    def refused(self) -> bool:
        """Whether nothing came and the log speaks of a refusal, which the connector passed over."""
        return self.records == 0 and self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether the log speaks of a refusal, though it may have been of something else."""
        return bool(self._refusals)

    def log(self, level: str, text: str) -> None:
        """Take a line of the connector's log."""
        if is_refusal(text):
            self._refusals = [*self._refusals, self._redact.line(text)][:_MOST]
        if level in _LEVELS:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Keep a text for the report."""
        text = self._redact.line(text)
        if text not in self.warnings and len(self.warnings) < _MOST:
            self.warnings.append(text)

    def fail(self, text: Any) -> None:
        """Take the connector's message that the stream failed; the first of several counts."""
        if self.error is None:
            told = self._redact.line(text).rstrip(".") if isinstance(text, str) else ""
            self.error = told or "the connector failed"

    def end(self) -> None:
        """Nothing more comes."""
        for text in self._refusals:
            self.warn(text)

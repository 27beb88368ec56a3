"""What a connector says of a read beside its records: warnings, its error, and how it ended."""

from __future__ import annotations

import re
from typing import Any

from ingestion.airbyte.messages import Message, stream_name
from ingestion.airbyte.redaction import Redactor

_MOST = 20  # warnings
_LEVELS = ("WARN", "ERROR", "FATAL")
# How connectors speak of what the source did not let them read.
_REFUSAL = re.compile(
    r"(?:status(?: code)?|HTTP|error(?: code)?|response|answered)\W{1,3}(?:40[0134])\b"
    r"|\b(?:forbidden|unauthori[sz]ed|permission|access denied|not authori[sz]ed|scopes?)\b",
    re.IGNORECASE,
)


class Remarks:
    """Collected while one stream is read; `stream` is its name as the connector has it."""

    def __init__(self, stream: str, redact: Redactor) -> None:
        self.records = 0
        self.error: str | None = None
        self.warnings: list[str] = []
        self._stream = stream
        self._redact = redact
        self._status: str | None = None
        self._refusals: list[str] = []

    @property
    def refused(self) -> bool:
        """Whether nothing came and the log speaks of a refusal, which the connector passed over."""
        return self.records == 0 and self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether the log speaks of a refusal, though it may have been of something else."""
        return bool(self._refusals)

    def take(self, message: Message) -> None:
        """Take a message that is neither record nor STATE."""
        match message:
            case {"type": "LOG", "log": {"level": str(level), "message": str(text)}}:
                self._log(level, text)
            case {"type": "TRACE", "trace": {"type": "ERROR", "error": dict(error)}}:
                self._fail(error)
            case {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": dict(told)}}:
                if stream_name(told) == self._stream:
                    self._status = told.get("status")
            case {"type": "CONTROL"}:
                self._warn(
                    "the connector changed its settings while it ran, perhaps a token that can be"
                    " used only once; the change is not kept"
                )

    def print(self, line: bytes) -> None:
        """Take a line that is no message."""
        if text := line.decode(errors="replace").strip():
            self._warn(f"it printed: {text}")

    def end(self) -> str | None:
        """Why a read that ended with exit status 0 is not complete; None when it is.

        A connector that tells how its streams are doing must have told that this one is complete.
        Those from before that only have their exit status.
        """
        for text in self._refusals:
            self._warn(text)
        if self._status in (None, "COMPLETE"):
            return None
        return "the connector ended without saying that the stream is complete"

    def _log(self, level: str, text: str) -> None:
        if _REFUSAL.search(text):
            self._refusals = [*self._refusals, self._redact.line(text)][:_MOST]
        if level in _LEVELS:
            self._warn(text)

    def _warn(self, text: str) -> None:
        text = self._redact.line(text)
        if text not in self.warnings and len(self.warnings) < _MOST:
            self.warnings.append(text)

    def _fail(self, error: dict[str, Any]) -> None:
        if stream_name(error) in (None, self._stream) and self.error is None:
            # `message` is meant for people; `internal_message` and the trace may quote payload.
            text = error.get("message")
            told = self._redact.line(text).rstrip(".") if isinstance(text, str) else ""
            self.error = told or "the connector failed"

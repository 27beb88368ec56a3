"""The messages of one read of several streams, given to the streams that they are about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.airbyte.connector import Ended, Record
from ingestion.airbyte.messages import Message, stream_key
from ingestion.airbyte.process import ProcessFailure
from ingestion.airbyte.redaction import Redactor
from ingestion.airbyte.remarks import Remarks, is_refusal
from ingestion.airbyte.state import State, is_storable, received_state

_NEVER_SAID = "the connector ended without saying that the stream is complete"
_SETTINGS_CHANGED = (
    "the connector changed its settings while it ran, perhaps a token that can be used only once;"
    " the change is not kept"
)


@dataclass(frozen=True)
class _Part:
    stream: DiscoveredStream
    remarks: Remarks
    word: re.Pattern[str]  # finds its name in a text


class Demultiplexer:
    """What came of each of the streams that were asked for, and how each has ended.

    What no stream is named for concerns those under way, and where the connector does not tell
    which these are, all that it has not called complete.
    """

    def __init__(self, asked: Sequence[DiscoveredStream], redact: Redactor) -> None:
        self._redact = redact
        self._parts = [
            _Part(stream, Remarks(redact), _word(stream.raw["name"])) for stream in asked
        ]
        self._by_key = {
            (part.stream.raw["name"], part.stream.raw.get("namespace")): part
            for part in self._parts
        }
        self.problem: str | None = None  # what the connector said went wrong, of no stream

    @property
    def is_over(self) -> bool:
        """Whether no stream is left of which anything could be taken."""
        return all(part.remarks.error is not None for part in self._parts)

    def take(self, message: Message) -> Iterator[tuple[str, Record | State]]:
        """The records and STATEs in a message, by stream. Raises ProcessFailure for another shape.

        Of a stream that has failed nothing more is taken: what the connector does after that is to
        try again, or to cover what never came.
        """
        match message:
            case {"type": "RECORD", "record": {"stream": str(name), "data": dict(data), **rest}}:
                part = self._find((name, rest.get("namespace")))
                if part is not None and part.remarks.error is None:
                    part.remarks.heard = True
                    part.remarks.records += 1
                    yield part.stream.name, data
            case {"type": "STATE", "state": dict(told)}:
                yield from self._states(told)
            case {"type": "RECORD" | "STATE"}:
                raise ProcessFailure("it sent a record or STATE that is not as agreed")
            case {"type": "LOG", "log": {"level": str(level), "message": str(text)}}:
                concerned = self._concerned(text)
                for part in concerned if is_refusal(text) else concerned[:1]:
                    part.remarks.log(level, text)
            case {"type": "TRACE", "trace": {"type": "ERROR", "error": dict(error)}}:
                self._fail(error)
            case {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "stream_status": dict(told)}}:
                part = self._find(stream_key(told))
                if part is not None:
                    part.remarks.heard = True
                    part.remarks.status = told.get("status")
            case {"type": "CONTROL"}:
                self._warn(_SETTINGS_CHANGED)

    def print(self, line: bytes) -> None:
        """Take a line that is no message."""
        if text := line.decode(errors="replace").strip():
            self._warn(f"it printed: {text}")

    @property
    def heard(self) -> bool:
        """Whether anything came that is of one of the streams."""
        return any(part.remarks.heard for part in self._parts)

    def end(self, problem: str | None, before: str | None) -> Iterator[tuple[str, Ended | None]]:
        """How each stream has ended; `problem` is why the read as a whole did not end well.

        A problem concerns none that was called complete, unless all were, so that no other explains
        it. Nor does it concern one of which nothing came: None for such a one, which another read
        may bring. Where nothing came at all it is taken for one of the first stream, unless it is
        the same as `before`, in a read that brought nothing either.
        """
        hopeless = problem == before and not self.heard
        taken_for = self._parts[0] if not self.heard else None
        told = any(part.remarks.status is not None for part in self._parts)
        all_complete = all(part.remarks.complete for part in self._parts)
        for part in self._parts:
            remarks = part.remarks
            why = remarks.error
            if why is None and (all_complete or not remarks.complete):
                why = problem or (_NEVER_SAID if told and not remarks.complete else None)
            if problem and not (remarks.heard or hopeless or part is taken_for):
                yield part.stream.name, None
                continue
            remarks.end()
            ended = Ended(why, tuple(remarks.warnings), refused=remarks.doubtful)
            yield part.stream.name, ended

    def _states(self, told: dict[str, Any]) -> Iterator[tuple[str, State]]:
        received = received_state(told)
        if received is None:
            return
        parts = self._parts
        if told.get("type") == "STREAM":
            part = self._find(stream_key(told["stream"]))
            parts = [part] if part is not None else []
        for part in parts:
            remarks = part.remarks
            if not part.stream.incremental or remarks.error is not None or remarks.refused:
                continue
            if is_storable(received):
                yield part.stream.name, received
            else:
                remarks.fail("it sent a STATE that cannot be stored")

    def _find(self, key: tuple[str | None, Any]) -> _Part | None:
        """The stream of that name and namespace, or the only one of that name."""
        found = self._by_key.get(key)
        if found is None:
            named = [part for (name, _), part in self._by_key.items() if name == key[0]]
            found = named[0] if len(named) == 1 else None
        return found

    def _concerned(self, text: str) -> list[_Part]:
        """The streams that a text may be about, those that it names first."""
        named = [part for part in self._parts if part.word.search(text)]
        # A name may be a plain word, so what is under way may be meant all the same.
        going = [part for part in self._parts if part.remarks.under_way and part not in named]
        return (
            named + going
            or [part for part in self._parts if not part.remarks.complete]
            or self._parts
        )

    def _warn(self, text: str) -> None:
        for part in self._concerned("")[:1]:
            part.remarks.warn(text)

    def _fail(self, error: dict[str, Any]) -> None:
        # `message` is meant for people; `internal_message` and the trace may quote payload.
        text = error.get("message")
        key = stream_key(error)
        if key[0] is not None:
            part = self._find(key)
            if part is not None:
                part.remarks.heard = True
                part.remarks.fail(text)
            return
        going = [part for part in self._parts if part.remarks.heard and not part.remarks.complete]
        unheard = any(not part.remarks.heard for part in self._parts)
        for part in going or ([] if unheard else self._parts):
            part.remarks.fail(text)
        told = self._redact.line(text).rstrip(".") if isinstance(text, str) else ""
        self.problem = self.problem or told or "the connector failed"


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")

"""Why a source could not be read, in a plain sentence without payload, address query or secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests

from ingestion.airbyte.address import LeadsElsewhere
from ingestion.airbyte.oauth import SignInRefused
from ingestion.airbyte.pagination import SamePageError
from ingestion.airbyte.redaction import Redactor

_ADVICE = {
    400: "check the connector's request",
    401: "check the credentials",
    403: "check what the credentials may read",
    404: "check the address of the source",
    429: "its rate limit is used up; try again later",
}
_WITHOUT_ANSWER = (
    ("Timeout", "it did not answer in time"),
    ("ChunkedEncodingError", "it broke off in the middle of an answer"),
    ("IncompleteRead", "it broke off in the middle of an answer"),
    ("JSONDecodeError", "it sent an answer that is not JSON"),
    ("ConnectionError", "it cannot be reached"),
    ("InvalidURL", "its address is not valid"),
    ("Rate limit wait", "it asks for a longer wait than the connector allows; try again later"),
)
_STATUS = re.compile(r"(?:status code:?|HTTP) '?(\d{3})", re.IGNORECASE)
# What the requester says at level INFO when all is well.
_ROUTINE = ("Refreshed OAuth token", "OAuth token was already replaced")
# A parent that came twice; its children are read once.
_HARMLESS = "Partition duplication detected"


def reason(error: BaseException) -> str:
    """What happened to a request, from the innermost error that knows."""
    told = ""
    for cause in _causes(error):
        if isinstance(cause, SignInRefused | LeadsElsewhere):
            return str(cause)
        if isinstance(cause, SamePageError):
            return "it gave the same page again and again; check the paging of its manifest"
        response = getattr(cause, "response", None)
        if isinstance(response, requests.Response):
            return refusal(response.status_code)
        told += f" {type(cause).__name__} {cause} {getattr(cause, 'internal_message', '')}"
    # Where there was no answer, the CDK keeps only the name of the error, in its text.
    if status := _STATUS.search(told):
        return refusal(int(status[1]))
    return next(
        (plain for name, plain in _WITHOUT_ANSWER if name in told),
        f"reading failed ({type(error).__name__})",
    )


def refusal(status: int) -> str:
    """What an HTTP status of refusal means for the person who runs the source."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "unknown status"
    if status < HTTPStatus.MULTIPLE_CHOICES:
        # As from a source that answers strangers with an empty list.
        return f"it answered {status} ({phrase}), but its manifest sees a refusal; {_ADVICE[401]}"
    advice = _ADVICE.get(status)
    return f"it answered {status} ({phrase})" + (f"; {advice}" if advice else "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [getattr(cause, "_exception", None), cause.__cause__, cause.__context__]


class Findings(logging.Handler):
    """What the CDK only says in its log while it reads one stream."""

    def __init__(self, stream: str, reader: str, redact: Redactor) -> None:
        super().__init__(logging.INFO)
        self.errors: list[BaseException] = []
        self.warnings: list[str] = []
        self.ignored_refusals = False
        self._reader = reader
        self._redact = redact
        self._requester = f"airbyte.HttpRequester.{stream}"

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == self._reader and record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])
        if record.levelno == logging.WARNING:
            if not record.getMessage().startswith(_HARMLESS):
                self._warn(record)
        elif (
            record.levelno == logging.INFO
            and record.name == self._requester
            and not record.getMessage().startswith(_ROUTINE)
        ):
            # The one trace of a refusal that a manifest chose to ignore.
            self.ignored_refusals = True
            self._warn(record)

    def _warn(self, record: logging.LogRecord) -> None:
        text = self._redact.line(record.getMessage())
        if text not in self.warnings:
            self.warnings.append(text)


@contextmanager
def listening(stream: str, reader: str, redact: Redactor) -> Iterator[Findings]:
    """Collect findings while the stream is read; nothing of the CDK's log goes anywhere else.

    `reader` is the name of the logger that belongs to this read alone. Warnings come from loggers
    that reads share, so one that runs at the same time in this process may show in both.
    """
    cdk = logging.getLogger("airbyte")
    cdk.setLevel(logging.INFO)
    cdk.propagate = False
    findings = Findings(stream, reader, redact)
    cdk.addHandler(findings)
    try:
        yield findings
    finally:
        cdk.removeHandler(findings)

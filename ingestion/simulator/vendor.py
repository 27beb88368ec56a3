"""What the simulator asks of each of its vendors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

Record = dict[str, Any]

CONTROL_PREFIX = "/_simulator"


class UnknownRecordError(LookupError):
    """No such kind of record, or no record of that id."""


class InvalidChangeError(ValueError):
    """A change that the vendor would not take: an unknown or missing field, a wrong value."""


class Vendor(Protocol):
    """One vendor's records and the HTTP application that shows them.

    The times of changes are milliseconds since 1970 and never repeat; each method returns the
    record as it is afterwards.
    """

    name: str
    credentials: Mapping[str, str]  # the made-up ones that it takes; it refuses all others
    app: ASGIApp
    controls: Sequence[Route]  # below CONTROL_PREFIX, beside those that every vendor has

    def create(self, kind: str, fields: Record, at: int) -> Record: ...

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record: ...

    def delete(self, kind: str, record_id: str, at: int) -> Record: ...

    def trouble(self, kind: str, retry_after: int) -> Response:
        """The vendor's own answer to `rate_limited`, `server_error` or `unauthorized`."""


def merged(record: Record, fields: Record) -> Record:
    """A copy of the record with the fields set; objects are merged, everything else replaced.

    Raises InvalidChangeError for a name the record does not have at its top level.
    """
    unknown = sorted(fields.keys() - record.keys())
    if unknown:
        raise InvalidChangeError(
            f"no field {', '.join(unknown)}; the fields are {', '.join(sorted(record))}"
        )
    return _merge(record, fields)


def required(fields: Record, *names: str) -> None:
    """Raises InvalidChangeError when one of the fields a new record needs is missing."""
    missing = [name for name in names if name not in fields]
    if missing:
        raise InvalidChangeError(f"a new record needs {', '.join(missing)}")


def _merge(record: Record, fields: Record) -> Record:
    result = dict(record)
    for name, value in fields.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            result[name] = _merge(old, value)
        else:
            result[name] = value
    return result

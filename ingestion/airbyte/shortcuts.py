"""What the CDK works out anew each time, although it can be had for nothing.

A stream with a cursor asks for the hash of its slice at every record, for which the CDK writes the
slice as JSON, and reads the record's time with `strptime`: together half of what reading costs.
Whenever a manifest is run, which is once for every stream, it reads its own schema of manifests: a
tenth of a second.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.airbyte.cdk import DatetimeParser, StreamSlice

_SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE = r"(Z|[+-]\d\d:?\d\d)"
# In these forms fromisoformat finds what strptime finds, many times faster. It also takes forms
# that strptime refuses, so each is only for its own format.
_FORMS = {
    "%Y-%m-%dT%H:%M:%SZ": re.compile(_SECONDS + "Z", re.ASCII),
    "%Y-%m-%dT%H:%M:%S.%fZ": re.compile(_SECONDS + r"\.(\d{3}|\d{6})Z", re.ASCII),
    "%Y-%m-%dT%H:%M:%S%z": re.compile(_SECONDS + _ZONE, re.ASCII),
    "%Y-%m-%dT%H:%M:%S.%f%z": re.compile(_SECONDS + r"\.(\d{3}|\d{6})" + _ZONE, re.ASCII),
}


def hash_slices_once(slices: type[StreamSlice]) -> None:
    """Make the CDK keep the hash of a slice, which refuses to be changed; in this whole process."""
    compute = slices.__hash__

    def kept_hash(self: StreamSlice) -> int:
        found: int | None = vars(self).get("_remit_hash")
        if found is None:
            found = vars(self)["_remit_hash"] = compute(self)
        return found

    slices.__hash__ = kept_hash  # type: ignore[method-assign]


def read_times_quickly(parser: type[DatetimeParser]) -> None:
    """Make the CDK read the common forms of times the fast way; in this whole process."""
    parse = parser.parse

    def parse_quickly(self: DatetimeParser, date: str | int, format: str) -> datetime:
        form = _FORMS.get(format)
        if form is not None and isinstance(date, str) and form.fullmatch(date):
            return datetime.fromisoformat(date)
        return parse(self, date, format)

    parser.parse = parse_quickly  # type: ignore[method-assign]


def read_schema_once(module: ModuleType) -> None:
    """Make the CDK keep its schema of manifests, which it only reads; in this whole process."""
    name = "get_declarative_component_schema"
    vars(module)[name] = cache(vars(module)[name])

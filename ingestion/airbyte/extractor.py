"""The CDK's record extractor, without its walk through every value of the answer.

For a path the CDK compares each path of the whole document with the one it looks for, which costs
more than all else of reading a page. A path without patterns can be followed step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import requests

from ingestion.airbyte.cdk import DpathExtractor, OnNoRecords, RecordExpander

_PATTERN = frozenset("*?[{")
_FINGERPRINT = "_remit_fingerprint"


@dataclass
class PathExtractor(DpathExtractor):
    """A DpathExtractor for paths without patterns; it gives the same records."""

    def extract_records(self, response: requests.Response) -> Iterable[MutableMapping[Any, Any]]:
        path = [step.eval(self.config) for step in self._field_path]
        so_far = 0
        for body in self.decoder.decode(response):
            found = _follow(body, path)
            with suppress(orjson.JSONEncodeError):  # nested too deep, or no Unicode
                so_far = hash((so_far, orjson.dumps(found)))
                # On the response, for the parts of a stream share one extractor.
                setattr(response, _FINGERPRINT, so_far)
            for record in found if isinstance(found, list) else [found] if found else []:
                yield from self._expanded(record)

    def _expanded(self, record: Any) -> Iterator[Any]:
        expander = self.record_expander
        if expander is None:
            yield record
        elif not _is_plain(expander):
            yield from expander.expand_record(record)
        else:
            items = _follow(record, expander.expand_records_from_field)
            for item in items if isinstance(items, list) else []:
                expanded = dict(item)
                for field in expander.parent_fields or ():
                    field.copy_onto(record, expanded)
                yield expanded


def fingerprint(response: requests.Response) -> int | None:
    """A number that two pages have in common only when they hold the same records.

    Of what another extractor read it is of the whole answer, and None when that was not kept.
    """
    found: int | None = getattr(response, _FINGERPRINT, None)
    if found is None:
        with suppress(RuntimeError):  # read as a stream, and gone
            found = hash(response.content)
    return found


def _follow(value: Any, path: Iterable[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _is_plain(expander: RecordExpander) -> bool:
    """Whether it only lists the objects at a path, and copies fields of the parent onto them."""
    return not (
        _has_pattern(expander.expand_records_from_field)
        or expander.truncation_indicator_path
        or expander.merge_parent
        or expander.remain_original_record
        or expander.on_no_records is OnNoRecords.emit_parent
    )


def _has_pattern(path: Sequence[str]) -> bool:
    return any(not _PATTERN.isdisjoint(step) for step in path)

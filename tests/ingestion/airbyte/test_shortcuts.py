from __future__ import annotations

import pkgutil
from datetime import UTC, datetime

import pytest
import yaml
from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk_source
from airbyte_cdk.utils.slice_hasher import SliceHasher
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.airbyte.cdk import DatetimeParser, StreamSlice

FORMATS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%d",
)
# Times as vendors write them, right and slightly wrong: digits too few or too many, days and hours
# that do not exist, other digits than ASCII's.
TIMES = st.from_regex(
    r"\d{4}-\d{1,2}-\d{1,2}[T ][0-2]?\d:\d\d:[0-6]?\d([.,]\d{1,7})?(Z|z|[+-]\d\d:?\d\d(:\d\d)?)?",
    fullmatch=True,
)


def _plainly(text: str, format_: str) -> datetime | None:
    try:
        found = datetime.strptime(text, format_)  # noqa: DTZ007  its zone follows
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@given(text=TIMES, format_=st.sampled_from(FORMATS))
@example(text="2026-02-28T23:59:60Z", format_=FORMATS[0])
@example(text="2026-02-29T00:00:00Z", format_=FORMATS[0])
@example(text="2026-W01-1T00:00:00Z", format_=FORMATS[0])
@example(text="2026-01-01T24:00:00Z", format_=FORMATS[0])
@example(text="2026-01-01T00:00:00.12Z", format_=FORMATS[1])
@example(text="2026-01-01T00:00:00+24:00", format_=FORMATS[2])
@example(text="2026-01-01T00:00:00-00:00", format_=FORMATS[2])
@example(text="٢٠٢٦-01-01T00:00:00Z", format_=FORMATS[0])
def test_a_time_is_read_as_strptime_reads_it(text: str, format_: str) -> None:
    try:
        found = DatetimeParser().parse(text, format_)
    except ValueError:
        found = None
    plainly = _plainly(text, format_)
    assert found == plainly
    if found is not None and plainly is not None:
        assert found.utcoffset() == plainly.utcoffset()


@pytest.mark.parametrize("value", [1_769_000_000, "1769000000"])
def test_a_time_in_seconds_is_read_as_ever(value: str | int) -> None:
    assert DatetimeParser().parse(value, "%s") == datetime.fromtimestamp(1_769_000_000, UTC)


class Plain:
    def __hash__(self) -> int:
        return SliceHasher.hash(stream_slice={"parent": "1", "start": "a", "end": "b"})


def test_a_slice_has_the_hash_that_the_cdk_gives_it() -> None:
    slice_ = StreamSlice(partition={"parent": "1"}, cursor_slice={"start": "a", "end": "b"})
    same = StreamSlice(partition={"parent": "1"}, cursor_slice={"start": "a", "end": "b"})
    assert [hash(slice_), hash(slice_), hash(same)] == [hash(Plain())] * 3
    assert slice_ == same


def test_the_schema_of_manifests_is_the_cdks_own() -> None:
    shipped = pkgutil.get_data(
        "airbyte_cdk", "sources/declarative/declarative_component_schema.yaml"
    )
    assert shipped is not None
    assert cdk_source.get_declarative_component_schema() == yaml.safe_load(shipped)

"""The CDK's ways from page to page, which notice pages that repeat.

A source that overlooks which page it is asked for gives the same one for ever, one whose tokens
lead back gives the same few for ever, and the CDK reads them for ever.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import requests
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.requesters.paginators.strategies import (
    CursorPaginationStrategy,
    OffsetIncrement,
    PageIncrement,
)
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import (
    PaginationStrategy,
)
from airbyte_cdk.sources.types import Record, StreamSlice

from ingestion.airbyte.extractor import fingerprint
from ingestion.airbyte.rounds import Rounds

_ROUNDS = 3  # of the same pages; by chance the same two may come twice


class SamePageError(Exception):
    """The source gave the page again that it had given just before, or pages that go round."""


@dataclass
class _Seen:
    """What came of a part of a stream so far."""

    token: Any | None = None  # for the next page
    page: int | None = None
    rounds: Rounds = field(default_factory=Rounds)


@dataclass
class _Watchful(PaginationStrategy):
    """Raises SamePageError where the pages stop moving on.

    The same token alone is no sign, for a scroll has one token for all its pages; nor are empty
    pages in a row while the token changes.
    """

    # The parts of a stream are read at once, each by one thread from its first page to its last.
    _of_thread: threading.local = field(
        default_factory=threading.local, init=False, repr=False, compare=False
    )

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None = None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> Any | None:
        token = super().next_page_token(  # type: ignore[safe-super]
            response,
            last_page_size,
            last_record,
            last_page_token_value,
            page_size_override=page_size_override,
            stream_slice=stream_slice,
        )
        seen: _Seen | None = getattr(self._of_thread, "seen", None)
        if seen is None or seen.token != last_page_token_value:
            seen = _Seen()  # the first page of another part
        page = fingerprint(response)
        if token is None or page is None:
            self._of_thread.seen = None
            return token
        if not extracted_record_count(response, last_page_size):
            page = hash((page, str(token)))
        if page == seen.page or seen.rounds.take(page) >= _ROUNDS:
            raise SamePageError
        seen.token, seen.page = token, page
        self._of_thread.seen = seen
        return token


@dataclass
class WatchfulCursor(_Watchful, CursorPaginationStrategy):
    """A CursorPagination that notices a page that repeats."""


@dataclass
class WatchfulPageIncrement(_Watchful, PageIncrement):
    """A PageIncrement that notices a page that repeats."""


@dataclass
class WatchfulOffsetIncrement(_Watchful, OffsetIncrement):
    """An OffsetIncrement that notices a page that repeats."""

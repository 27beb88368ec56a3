"""The CDK's ways from page to page, which notice pages that repeat, or that lie elsewhere.

A source that overlooks which page it is asked for gives the same one for ever, one whose tokens
lead back gives the same few for ever, and the CDK reads them for ever. Wherever a link to the next
page leads, the CDK sends the credentials.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import requests

from ingestion.airbyte.address import LeadsElsewhere, leads_elsewhere
from ingestion.airbyte.cdk import (
    CursorPaginationStrategy,
    OffsetIncrement,
    PageIncrement,
    PaginationStrategy,
    Record,
    StreamSlice,
    extracted_record_count,
)
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
    """Raises SamePageError where pages stop moving on, LeadsElsewhere where they leave the host.

    The same token alone is no sign, for a scroll has one token for all its pages; nor are empty
    pages in a row while the token changes.
    """

    is_path: bool = False  # the token is put in the place of the path

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
        if token is not None:
            self._refuse_to_leave(response.url, str(token))
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

    def _refuse_to_leave(self, address: str, token: str) -> None:
        # A token that is sent as a parameter may begin with two slashes, as any base64; a whole
        # address is not taken for such a one, because a template may make the path of it.
        is_link = self.is_path or "://" in token
        if is_link and leads_elsewhere(address, token):
            raise LeadsElsewhere(
                "it named an address on another host as its next page, where the credentials do"
                " not go; let its manifest take the path alone"
            )


@dataclass
class WatchfulCursor(_Watchful, CursorPaginationStrategy):
    """A CursorPagination that notices a page that repeats."""


@dataclass
class WatchfulPageIncrement(_Watchful, PageIncrement):
    """A PageIncrement that notices a page that repeats."""


@dataclass
class WatchfulOffsetIncrement(_Watchful, OffsetIncrement):
    """An OffsetIncrement that notices a page that repeats."""

"""Pages that repeat end a read; pages that only look as if they did are read on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingestion.airbyte.origin import Origin
from ingestion.source import Source, SourceError
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

Page = tuple[list[int], str | None]
"""The ids of its records, and the token of the page after it."""

_MOST = 20  # requests; no case needs as many, and one that goes on for ever should not

_BY_NUMBER = {"type": "PageIncrement", "page_size": 2, "start_from_page": 1}
_BY_OFFSET = {"type": "OffsetIncrement", "page_size": "2"}
_BY_TOKEN = {"type": "CursorPagination", "cursor_value": "{{ response['next'] }}"}
_BY_SCROLL = {**_BY_TOKEN, "stop_condition": "{{ not response['things'] }}"}


@contextmanager
def _serving(page: Callable[[int], Page]) -> Iterator[str]:
    """The address of a source that answers its nth request so."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            keys, following = page(len(requests))
            # What is around the records differs each time.
            body = {"request": len(requests), "next": following, "things": _records(keys)}
            self.send_response(200 if len(requests) <= _MOST else 404)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _records(keys: list[int]) -> list[dict[str, Any]]:
    return [{"id": key} for key in keys]


def _read(strategy: dict[str, Any], url: str, folder: Path, model: Model) -> list[int]:
    manifest = folder / "manifest.yaml"
    retriever = {
        "type": "SimpleRetriever",
        "requester": {"type": "HttpRequester", "url_base": url, "path": "/things"},
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": ["things"]},
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_token_option": {
                "type": "RequestOption", "inject_into": "request_parameter", "field_name": "at",
            },
            "pagination_strategy": strategy,
        },
    }  # fmt: skip
    stream = {
        "type": "DeclarativeStream",
        "name": "things",
        "primary_key": "id",
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": ["object", "null"]}},
        "retriever": retriever,
    }
    check = {"type": "CheckStream", "stream_names": ["things"]}
    whole = {"version": "7.39.1", "type": "DeclarativeSource", "check": check, "streams": [stream]}
    manifest.write_text(json.dumps(whole))
    source = Source(SourceConfig("shop", "shop", {}, origin=Origin(manifest=manifest)), model.specs)
    items = source.read("things", None, warn=lambda *_: None)
    return [item["id"] for item in items if isinstance(item, dict)]


REPEATING = [
    # The parameter has another name there.
    (_BY_NUMBER, lambda _: ([1, 2], None)),
    (_BY_OFFSET, lambda _: ([1, 2], None)),
    # Whatever lies beyond its last page is its last page.
    (_BY_NUMBER, lambda number: ([min(number, 3), 9], None)),
    # The token is overlooked.
    (_BY_TOKEN, lambda _: ([1, 2], "a")),
    # Each answer has a token of its own, all for the same page.
    (_BY_TOKEN, lambda number: ([1, 2], f"t{number}")),
    # There is nothing, and still a page after it.
    (_BY_TOKEN, lambda _: ([], "a")),
    # Two pages, each of which leads to the other.
    (_BY_TOKEN, lambda number: ([number % 2, 9], "ba"[number % 2])),
    # The same, of a source that takes a page beyond its last for its first.
    (_BY_NUMBER, lambda number: ([number % 2, 9], None)),
    # Three of them, after some that come once.
    (_BY_TOKEN, lambda number: ([number % 3 if number > 4 else 10 * number], f"t{number}")),
    # An empty one among them.
    (_BY_TOKEN, lambda number: ([1] if number % 2 else [], "ba"[number % 2])),
]


@pytest.mark.parametrize(("strategy", "page"), REPEATING)
def test_a_page_that_repeats_ends_the_read(
    strategy: dict[str, Any], page: Callable[[int], Page], model: Model, tmp_path: Path
) -> None:
    with _serving(page) as url, pytest.raises(SourceError) as failed:
        _read(strategy, url, tmp_path, model)
    assert str(failed.value) == (
        "shop, things: it gave the same page again and again; check the paging of its manifest."
    )


MOVING = [
    (_BY_NUMBER, lambda number: ([2 * number, 2 * number + 1][: 5 - number], None)),
    (_BY_OFFSET, lambda number: ([2 * number, 2 * number + 1][: 5 - number], None)),
    # A scroll has one token for all its pages.
    (_BY_SCROLL, lambda number: ([number] if number < 5 else [], "scroll")),
    # A search finds nothing for a while, and then something.
    (_BY_TOKEN, lambda number: ([], f"t{number}") if number < 5 else ([5], None)),
    # A page is the same as one before, and the one after it too.
    (_BY_TOKEN, lambda number: ([number % 2], f"t{number}" if number < 5 else None)),
]


@pytest.mark.parametrize(("strategy", "page"), MOVING)
def test_other_pages_are_read_to_their_end(
    strategy: dict[str, Any], page: Callable[[int], Page], model: Model, tmp_path: Path
) -> None:
    answered: list[int] = []

    def remembered(number: int) -> Page:
        keys, following = page(number)
        answered.extend(keys)
        return keys, following

    with _serving(remembered) as url:
        assert _read(strategy, url, tmp_path, model) == answered
    assert answered

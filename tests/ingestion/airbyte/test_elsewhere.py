"""Credentials go to the host that was asked and to no other, whatever its answers name."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingestion.airbyte.address import leads_elsewhere
from ingestion.airbyte.declarative import DeclarativeConnector
from ingestion.airbyte.origin import Origin
from ingestion.source import Source, SourceError
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

_KEY = "c4nary-in-the-coal-mine"

Answer = tuple[int, dict[str, str], Any]
"""Status, headers and body."""


class _Server(ThreadingHTTPServer):
    """Answers by the path without its query, and remembers all requests with their headers."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(f"{self.path}\n{self.headers}")
        status, headers, body = self.server.answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(answer: Callable[[str], Answer]) -> Iterator[_Server]:
    with _Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def elsewhere() -> Iterator[_Server]:
    """Another origin, on which nothing may arrive that is not meant for it."""
    with _serving(lambda _: (200, {}, {"things": [{"id": 9}], "next": None})) as server:
        yield server


_BY_PATH: dict[str, Any] = {"type": "RequestPath"}
_BY_PARAMETER: dict[str, Any] = {
    "type": "RequestOption", "inject_into": "request_parameter", "field_name": "at",
}  # fmt: skip
_BY_KEY = {
    "type": "ApiKeyAuthenticator",
    "api_token": "{{ config['key'] }}",
    "inject_into": {"type": "RequestOption", "inject_into": "header", "field_name": "X-Key"},
}
_BY_TOKEN = {
    "type": "OAuthAuthenticator",
    "token_refresh_endpoint": "{{ config['url'] }}/token",
    "grant_type": "client_credentials",
    "client_id": "me",
    "client_secret": "{{ config['key'] }}",
}

_BY_SESSION = {
    "type": "SessionTokenAuthenticator",
    "login_requester": {
        "type": "HttpRequester",
        "url_base": "{{ config['url'] }}",
        "path": "/login",
        "http_method": "POST",
        "request_body_json": {"password": "{{ config['key'] }}"},
    },
    "session_token_path": ["token"],
    "expiration_duration": "PT1H",
    "request_authentication": {"type": "Bearer"},
}


def _source(
    url: str,
    folder: Path,
    model: Model,
    *,
    token: dict[str, Any] = _BY_PATH,
    sign_in: dict[str, Any] | None = _BY_KEY,
    settings: dict[str, Any] | None = None,
) -> Source:
    requester = {
        "type": "HttpRequester", "url_base": url, "path": "/things",
        **({"authenticator": sign_in} if sign_in else {}),
    }  # fmt: skip
    strategy = {"type": "CursorPagination", "cursor_value": "{{ response['next'] }}"}
    retriever = {
        "type": "SimpleRetriever",
        "requester": requester,
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": ["things"]},
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_token_option": token,
            "pagination_strategy": strategy,
        },
    }
    stream = {
        "type": "DeclarativeStream",
        "name": "things",
        "primary_key": "id",
        "schema_loader": {"type": "InlineSchemaLoader", "schema": {"type": ["object", "null"]}},
        "retriever": retriever,
    }
    whole = {
        "version": "7.39.1",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["things"]},
        "streams": [stream],
    }
    manifest = folder / "manifest.yaml"
    manifest.write_text(json.dumps(whole))
    given = {"key": _KEY, "url": url} if settings is None else settings
    return Source(
        SourceConfig("shop", "shop", given, origin=Origin(manifest=manifest)), model.specs
    )


def _ids(source: Source) -> list[int]:
    items = source.read("things", None, warn=lambda *_: None)
    return [item["id"] for item in items if isinstance(item, dict)]


def _two_pages(link: str) -> Callable[[str], Answer]:
    """A first page whose next page is that link, and the last page for any other path."""

    def answer(path: str) -> Answer:
        last = path != "/things"
        return 200, {}, {"things": [{"id": 2 if last else 1}], "next": None if last else link}

    return answer


LEAVING = [
    # A whole address, in the place of the path.
    (_BY_PATH, "{elsewhere}/things"),
    # It has no scheme of its own.
    (_BY_PATH, "//{elsewhere_host}/things"),
    # As a parameter: a template may still make the path of it.
    (_BY_PARAMETER, "{elsewhere}/things"),
    # The same host by another scheme, which would send all in the clear or to another port.
    (_BY_PATH, "https://{host}/things"),
    # The host is one to who reads the address by the one rule, and the other by the other.
    (_BY_PATH, "http://{elsewhere_host}\\@{host}/things"),
]


@pytest.mark.parametrize(("token", "link"), LEAVING)
def test_a_next_page_on_another_host_ends_the_read(
    token: dict[str, Any], link: str, elsewhere: _Server, model: Model, tmp_path: Path
) -> None:
    named: list[str] = []
    with _serving(lambda path: _two_pages(named[0])(path)) as server:
        hosts = {"host": server.url[7:], "elsewhere_host": elsewhere.url[7:]}
        named.append(link.format(elsewhere=elsewhere.url, **hosts))
        with pytest.raises(SourceError) as failed:
            _ids(_source(server.url, tmp_path, model, token=token))
    assert str(failed.value) == (
        "shop, things: it named an address on another host as its next page, where the credentials"
        " do not go; let its manifest take the path alone."
    )
    assert len(server.seen) == 1
    assert not elsewhere.seen


STAYING = [
    (_BY_PATH, "{here}/more"),
    (_BY_PATH, "/more?page=2"),
    (_BY_PATH, "more"),
    # As base64 may begin, and as tokens have colons in them.
    (_BY_PARAMETER, "//8AAAB"),
    (_BY_PARAMETER, "cursor:17"),
]


@pytest.mark.parametrize(("token", "link"), STAYING)
def test_a_next_page_on_the_same_host_is_read(
    token: dict[str, Any], link: str, model: Model, tmp_path: Path
) -> None:
    named: list[str] = []
    with _serving(lambda path: _two_pages(named[0])(path)) as server:
        named.append(link.format(here=server.url))
        assert _ids(_source(server.url, tmp_path, model, token=token)) == [1, 2]
        assert all(_KEY in request for request in server.seen)


def test_a_redirect_to_another_host_is_not_followed(
    elsewhere: _Server, model: Model, tmp_path: Path
) -> None:
    with (
        _serving(lambda _: (302, {"Location": f"{elsewhere.url}/things"}, None)) as server,
        pytest.raises(SourceError) as failed,
    ):
        _ids(_source(server.url, tmp_path, model))
    assert str(failed.value) == (
        "shop, things: it sends requests on to another address, where the credentials do not go;"
        " check the address of the source."
    )
    assert len(server.seen) == 1
    assert not elsewhere.seen


def test_a_redirect_within_the_host_is_followed(model: Model, tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        if path == "/things":
            return 302, {"Location": "/moved"}, None
        return 200, {}, {"things": [{"id": 1}], "next": None}

    with _serving(answer) as server:
        assert _ids(_source(server.url, tmp_path, model)) == [1]


def test_without_settings_there_is_nothing_to_keep(
    elsewhere: _Server, model: Model, tmp_path: Path
) -> None:
    with _serving(lambda _: (302, {"Location": f"{elsewhere.url}/things"}, None)) as server:
        assert _ids(_source(server.url, tmp_path, model, sign_in=None, settings={})) == [9]


SIGNING_IN = [
    (_BY_TOKEN, "it sends the request to sign in on to another address; check its address"),
    # By the CDK's own requester, as all other requests.
    (
        _BY_SESSION,
        "it sends requests on to another address, where the credentials do not go; check the"
        " address of the source",
    ),
]


@pytest.mark.parametrize(("sign_in", "told"), SIGNING_IN)
def test_a_request_for_a_token_is_not_sent_on(
    sign_in: dict[str, Any], told: str, elsewhere: _Server, model: Model, tmp_path: Path
) -> None:
    # With this status the secret in the body would go along.
    with (
        _serving(lambda _: (307, {"Location": f"{elsewhere.url}/token"}, None)) as server,
        pytest.raises(SourceError) as failed,
    ):
        _ids(_source(server.url, tmp_path, model, sign_in=sign_in))
    assert str(failed.value) == f"shop, things: {told}."
    assert not elsewhere.seen


def test_a_login_is_counted_and_waits_only_so_long(model: Model, tmp_path: Path) -> None:
    def answer(path: str) -> Answer:
        return 200, {}, {"token": "t"} if path == "/login" else {"things": [{"id": 1}]}

    admitted: list[object] = []
    with _serving(answer) as server:
        source = _source(server.url, tmp_path, model, sign_in=_BY_SESSION)
        assert isinstance(source.reader, DeclarativeConnector)
        source.reader.admit = admitted.append
        assert _ids(source) == [1]
        assert len(admitted) == len(server.seen) == 2
    (stream,) = source.manifest["streams"]
    login = stream["retriever"]["requester"]["authenticator"]["login_requester"]
    assert (login["connect_timeout_in_seconds"], login["read_timeout_in_seconds"]) == (10, 60)


def test_a_login_that_fails_tells_no_secret(
    model: Model,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not caplog, which also listens where nothing of ours does.
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler()])
    with (
        _serving(lambda _: (401, {}, {"error": f"{_KEY} is no password"})) as server,
        pytest.raises(SourceError) as failed,
    ):
        _ids(_source(server.url, tmp_path, model, sign_in=_BY_SESSION))
    assert failed.value.reason == "it answered 401 (Unauthorized); check the credentials"
    assert _KEY not in "".join(capfd.readouterr())


ADDRESSES = [
    # link, and whether it leads away from https://acme.example/api/things
    ("https://acme.example/more", False),
    ("HTTPS://ACME.example:443/more", False),
    ("?page=2", False),
    ("../more", False),
    ("", False),
    ("urn:cursor", False),
    ("//acme.example/more", False),
    ("http://acme.example/more", True),
    ("https://acme.example:8443/more", True),
    ("https://acme.example.evil.example/more", True),
    ("https://acme.example@evil.example/more", True),
    ("https://evil.example\\@acme.example/more", True),
    ("https://acme.example\\@evil.example/more", True),
    (" https://evil.example/more", True),
    ("\thttps://evil.example/more", True),
    ("//evil.example", True),
    ("https://[evil", True),
    ("https://acme.example:x/more", True),
]


@pytest.mark.parametrize(("link", "leaves"), ADDRESSES)
def test_where_a_link_leads(link: str, leaves: bool) -> None:
    assert leads_elsewhere("https://acme.example/api/things", link) is leaves
    assert leads_elsewhere("https://[::1]:80/api", "https://[::1]:80/more") is False

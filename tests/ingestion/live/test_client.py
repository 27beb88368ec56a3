"""Single requests to a source that does not play by the rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from index.specs import EntitySpecs
from ingestion.airbyte.origin import Origin
from ingestion.live import client as module
from ingestion.live.client import Client, NoAnswer
from ingestion.source import Source
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model

_DRIPS = threading.Event()


class _Answers(BaseHTTPRequestHandler):
    """Answers by the path, and remembers what it was asked."""

    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            _, _, port = self.headers["Host"].rpartition(":")
            self.send_header("Location", f"http://localhost:{port}/secret")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/endless":
            self._send(b"[" + b" " * (1 << 20))
        elif self.path == "/drips":
            self._send(b" ")

    def _send(self, piece: bytes) -> None:
        """Again and again, until the other side has had enough."""
        try:
            while not _DRIPS.wait(0.02):
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _reading(specs: EntitySpecs) -> Iterator[tuple[Client, list[str]]]:
    answers: Any = type("Answers", (_Answers,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    _DRIPS.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    settings = {"base_url": url, "email": "ann@acme.example", "api_token": "token"}
    origin = Origin(connector="zendesk")
    client = Source(SourceConfig("zendesk", "zendesk", settings, origin=origin), specs).client()
    try:
        yield client, answers.seen
    finally:
        _DRIPS.set()
        client.close()
        server.shutdown()
        server.server_close()


def test_a_redirection_is_not_followed(model: Model) -> None:
    with _reading(model.specs) as (client, seen):
        with pytest.raises(NoAnswer, match="sent the request on to another address"):
            client.get("/moved")
        assert seen == ["/moved"]


def test_an_answer_without_end_is_cut_off(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_ANSWER", 4 << 20)
    with (
        _reading(model.specs) as (client, _),
        pytest.raises(NoAnswer, match="longer than 4 MiB"),
    ):
        client.get("/endless")


def test_a_source_that_drips_does_not_hold_the_caller(model: Model) -> None:
    with _reading(model.specs) as (client, _), pytest.raises(NoAnswer, match="in time"):
        client.get("/drips", seconds=0.3)

"""A help desk small enough that a test knows each of its records, and an index that reads it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.airbyte.origin import Origin
from ingestion.source import Source
from ingestion.sync.job import sync_source
from ingestion.sync.report import StreamReport, SyncReport
from ingestion.workspace.source_config import SourceConfig
from semantic_layer import Model
from tests.ingestion.index_under_test import TENANT, Index

_HERE = Path(__file__).parent
_PAGE = 50

Records = dict[str, dict[str, Any]]


@dataclass
class Desk:
    """What the help desk has, by stream and id; a test may change it as it likes."""

    companies: Records = field(default_factory=dict)
    people: Records = field(default_factory=dict)
    tickets: Records = field(default_factory=dict)
    comments: Records = field(default_factory=dict)
    url: str = ""
    refuses: set[str] = field(default_factory=set)  # streams that answer 403
    fails_after: dict[str, int] = field(default_factory=dict)  # pages, by stream
    on_request: Callable[[str], None] = lambda _: None
    requests: list[str] = field(default_factory=list)

    def answer(self, stream: str, page: int, since: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a page."""
        self.requests.append(stream)
        if stream in self.refuses:
            return 403, {"error": "not for you"}
        if page >= self.fails_after.get(stream, page + 1):
            return 404, {"error": "lost"}
        held: Records = getattr(self, stream)
        chosen = [one for one in held.values() if one.get("updated_at", since) >= since]
        found = chosen[page * _PAGE : (page + 1) * _PAGE]
        self.on_request(stream)
        return 200, {"records": found}


def filled_desk(people: int) -> Desk:
    """So many people in a few companies, each with a ticket, and each ticket with a comment."""
    desk = Desk()
    for number in range(max(1, people // 10)):
        name = f"c{number}"
        desk.companies[name] = {"id": name, "name": f"Company {number}", "domains": [f"{name}.io"]}
    companies = list(desk.companies)
    for number in range(people):
        person, company = f"p{number:05}", companies[number % len(companies)]
        address = f"{person}@{company}.io"
        desk.people[person] = {
            "id": person, "name": f"Person {number}", "email": address, "company": company,
        }  # fmt: skip
        desk.tickets[f"t{number:05}"] = {
            "id": f"t{number:05}", "subject": f"Question {number}", "text": f"Words {number}",
            "status": "open", "requester": person, "company": company,
            "updated_at": f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        }  # fmt: skip
        desk.comments[f"m{number:05}"] = {
            "id": f"m{number:05}", "ticket": f"t{number:05}", "author": person,
            "text": f"Words {number}",
        }  # fmt: skip
    return desk


@contextmanager
def serving(desk: Desk) -> Iterator[Desk]:
    """The desk, reachable at its `url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body = desk.answer(
                parts.path.strip("/"), int(asked.get("page", 0)), asked.get("since", "")
            )
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        desk.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield desk
        finally:
            server.shutdown()
            thread.join()


def desk_source(url: str, model: Model, *, mapping: Path | None = None, **settings: Any) -> Source:
    """The help desk as a configured source."""
    origin = Origin(manifest=_HERE / "manifest.yaml", mapping=mapping or _HERE / "mapping.yaml")
    config = SourceConfig("desk", "desk", {"base_url": url, **settings}, origin=origin)
    return Source(config, model.specs)


class DeskIndex(Index):
    """An index of the help desk."""

    def __init__(self, database: Database, model: Model, desk: Desk) -> None:
        super().__init__(database, model, EntityTables(model.specs), None)  # type: ignore[arg-type]
        self.desk = desk
        self.mapping: Path | None = None

    def source(self, vendor: str = "desk", **changed: Any) -> Source:  # noqa: ARG002
        return desk_source(self.desk.url, self.model, mapping=self.mapping, **changed)

    def read(self, *streams: str, **options: Any) -> SyncReport:
        """Sync the streams, all when none is named."""
        return sync_source(
            self.database,
            self.tables,
            self.model,
            self.source(**options.pop("settings", {})),
            tenant=TENANT,
            streams=streams or None,
            **options,
        )

    def read_one(self, stream: str, **options: Any) -> StreamReport:
        """Sync one stream; its report."""
        return self.read(stream, **options).stream(stream)

    def keys(self, entity: str) -> set[str]:
        """The remote ids of the rows that are alive."""
        return {row["remote_id"] for row in self.rows(entity)}

    def unmap(self, folder: Path) -> None:
        """From now on no mapping claims any of the streams."""
        self.mapping = folder / "mapping.yaml"
        self.mapping.write_text("streams: {}")

    def remapped(self, folder: Path, old: str, new: str) -> None:
        """From now on the mapping says something else in a place."""
        text = (self.mapping or _HERE / "mapping.yaml").read_text()
        assert old in text
        self.mapping = folder / "mapping.yaml"
        self.mapping.write_text(text.replace(old, new))

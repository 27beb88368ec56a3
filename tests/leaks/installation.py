"""A whole installation behind its real doors, in this process: HTTP over ASGI, real Postgres."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from api.app import create_app
from api.directory import Directory, save_directory
from api.services import Services, open_services
from api.settings import Settings
from index.database import Database
from semantic_layer import load_model
from tests.leaks.company import TENANT, put, remove, restore
from tests.leaks.values import pair, traces
from tests.leaks.withheld import Withheld, WithheldRows, policies, teams

Side = Literal["one", "other"]

_ADDRESS = "http://127.0.0.1:8080"
CALLER = "mallory"  # from whom things are withheld
OTHER = "trent"  # who sees everything
_AT_ONCE = 4
_PASSING = ("date",)
_KEY = "a-key-for-tests-that-is-long-enough-to-sign-with"

# What differs between two equal requests: how long it took, and the number of an incident.
_PASSING_IN_LOGS = re.compile(r"\b\d+\.\d+ms\b|0x[0-9a-f]+|task-\d+|\bid=\d+")

_asked_of: ContextVar[Log | None] = ContextVar("asked_of", default=None)


@dataclass(frozen=True)
class Question:
    """A request to one of the doors; `about` are the entities that it is chosen for, and
    `following` makes the next one of the reply to it."""

    path: str
    content: Mapping[str, Any]
    about: frozenset[str] = frozenset()
    following: Callable[[bytes], Question | None] = lambda _reply: None

    def __str__(self) -> str:
        return f"{self.path} {dict(self.content)}"


@dataclass(frozen=True)
class Reply:
    """All that a caller gets."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Log:
    """What was logged, at every level, while one installation was asked."""

    lines: list[str] = field(default_factory=list)

    def compared(self) -> list[str]:
        """The lines without what differs every time, in an order that does not depend on it.
        Without those of libraries that tidy up after an answer was sent, sooner or later."""
        ours = (line for line in self.lines if not line.startswith("mcp."))
        return sorted(_PASSING_IN_LOGS.sub("…", line) for line in ours)


class _Recorder(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log = _asked_of.get()
        text = record.getMessage()
        if log is not None and _ADDRESS not in text:  # the caller's own log
            text = f"{record.name} {record.levelname} {text}"
            if record.exc_info and record.exc_info[1] is not None:
                text += f" {record.exc_info[1]!r}"
            log.lines.append(text)


@contextmanager
def recorded() -> Iterator[None]:
    """Record all that is logged, from DEBUG on, in the log of whichever installation is asked."""
    root, recorder = logging.getLogger(), _Recorder(logging.DEBUG)
    level = root.level
    root.addHandler(recorder)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(recorder)
        root.setLevel(level)


class Installation:
    """One database and the service over it, asked by one caller from whom things are withheld."""

    def __init__(self, portal: BlockingPortal, services: Services, client: httpx.AsyncClient):
        self.services = services
        self.log = Log()
        self._portal = portal
        self._client = client
        self._touched = set(services.model.specs)  # by whoever was here before

    def withhold(self, withheld: Sequence[Withheld], side: Side) -> frozenset[str]:
        """Withhold these things from the caller and nothing else, and give what is withheld the
        contents of one side. Returns the traces by which these would be known."""
        specs, tables = self.services.model.specs, self.services.tables
        found: set[str] = set()
        users = {
            name: {"department": "staff", "regions": [], "teams": teams(each)}
            for name, each in ((CALLER, withheld), (OTHER, ()))
        }
        with self.services.database.writing() as connection:
            for entity in self._touched:
                restore(connection, specs, tables, entity)
            self._touched = {each.entity for each in withheld}
            save_directory(connection, TENANT, Directory(users=users, agents={}))
            for each in withheld:
                for field in each.fields(specs):
                    pairs = {row: pair(field, each.mask, row) for row in each.rows}
                    contents = {row: getattr(both, side) for row, both in pairs.items()}
                    put(connection, tables, each.entity, contents)
                    found |= traces(x for both in pairs.values() for x in (both.one, both.other))
                if isinstance(each, WithheldRows) and side == "other":
                    remove(connection, tables, each.entity, each.rows)
        return frozenset(found)

    def ask(self, question: Question, user: str = CALLER) -> Reply:
        return self.ask_all([question], user)[0]

    def ask_all(self, questions: Iterable[Question], user: str = CALLER) -> list[Reply]:
        """The replies to questions, in order; the log has what was logged meanwhile."""
        return self._portal.call(self._ask_all, list(questions), user)

    async def _ask_all(self, questions: list[Question], user: str) -> list[Reply]:
        waiting = asyncio.Semaphore(_AT_ONCE)
        _asked_of.set(self.log)
        assert self.services.tokens is not None
        token = self.services.tokens.issue(tenant=TENANT, user=user)

        async def ask(question: Question) -> Reply:
            async with waiting:
                return await self._ask(question, token)

        return list(await asyncio.gather(*map(ask, questions)))

    async def _ask(self, question: Question, token: str) -> Reply:
        bearer = {"authorization": f"Bearer {token}"}
        answer = await self._client.post(question.path, json=question.content, headers=bearer)
        headers = sorted((k, v) for k, v in answer.headers.items() if k not in _PASSING)
        return Reply(answer.status_code, tuple(headers), answer.content)


@contextmanager
def installation(home: Path, url: str, sources: Path | None = None) -> Iterator[Installation]:
    """Serve a database as `open_services` wires it, for as long as the context is open."""
    home.mkdir(parents=True, exist_ok=True)
    folder = home / "policies"
    folder.mkdir(exist_ok=True)
    settings = Settings(
        home=home,
        tenant=TENANT,
        database_url=url,  # type: ignore[arg-type]
        policies=folder,
        sources=sources,
        token_key=_KEY,  # type: ignore[arg-type]
        hash_key=_KEY,  # type: ignore[arg-type]
        recheck=0,  # by chance, and what is looked up twice is logged twice
    )
    database = Database(url)
    for name, text in policies(load_model().specs).items():
        (folder / name).write_text(text, encoding="utf-8")
    services = open_services(settings, database)
    app = create_app(services)
    headers = {"accept": "application/json, text/event-stream"}
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=_ADDRESS, headers=headers
    )
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(app.router.lifespan_context(app)):
            yield Installation(portal, services, client)
        portal.call(client.aclose)
        portal.call(services.close)

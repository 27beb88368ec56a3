"""The keys that a read of streams has brought, kept in the database: there may be millions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, CursorResult, TextClause, text
from sqlalchemy.exc import SQLAlchemyError

from index.database import Database
from index.stream import Stream

_ADD = text(
    "INSERT INTO seen_key SELECT :stream, unnest(CAST(:keys AS text[]))"
    " ON CONFLICT DO NOTHING RETURNING key"
)
# Alive, here before the read began, and within what it lists.
_MISSING = """
    FROM remit.record AS held
    WHERE tenant_id = :tenant AND source = :source AND stream = :stream AND deleted_at IS NULL
        AND synced_at < :began AND (updated_at >= :since OR updated_at IS NULL
                                    OR CAST(:since AS timestamptz) IS NULL)
        AND NOT EXISTS (
            SELECT FROM seen_key WHERE seen_key.stream = :stream AND seen_key.key = held.key
        )
"""
_COUNT_MISSING = text(f"SELECT count(*) {_MISSING}")
_PAGE = text(f"SELECT key {_MISSING} AND key > :after ORDER BY key LIMIT :size")


class SeenKeys:
    """The keys of one read. Made by `seen_keys`, and gone with it, or with the process.

    Threads may share it. The connection that it needs is taken with the first use.
    """

    def __init__(self, database: Database, until: ExitStack) -> None:
        self._database = database
        self._until = until
        self._opened: Connection | None = None
        self._lock = Lock()

    def _execute(self, statement: TextClause, **values: Any) -> CursorResult[Any]:
        with self._lock:
            return self._connection().execute(statement, values)

    def _connection(self) -> Connection:
        if self._opened is None:
            self._opened = self._until.enter_context(self._database.session())
            self._opened.execute(
                text(
                    "CREATE TEMPORARY TABLE seen_key"
                    " (stream text, key text, PRIMARY KEY (stream, key))"
                )
            )
            self._until.callback(_drop, self._opened)
        return self._opened

    def add(self, stream: Stream, keys: Sequence[str]) -> set[str]:
        """Keep keys of the stream; returns those that had not come before."""
        new = self._execute(_ADD, stream=stream.name, keys=list(keys))
        return set(new.scalars())

    def count_missing(self, stream: Stream, began: datetime, since: datetime | None) -> int:
        """How many of the records held did not come.

        A record that changed after `began` counts as having come, and so does one that was last
        modified before `since`, because the read does not list those.
        """
        self._execute(text("ANALYZE seen_key"))
        about = {**_key(stream), "began": began, "since": since}
        missing: int = self._execute(_COUNT_MISSING, **about).scalar_one()
        return missing

    def missing(
        self, stream: Stream, began: datetime, since: datetime | None, size: int
    ) -> Iterator[list[str]]:
        """The keys that did not come, so many at a time."""
        about = {**_key(stream), "began": began, "since": since, "size": size}
        after = ""
        while keys := list(self._execute(_PAGE, **about, after=after).scalars()):
            yield keys
            after = keys[-1]


@contextmanager
def seen_keys(database: Database) -> Iterator[SeenKeys]:
    """A place for the keys of one read."""
    with ExitStack() as until:
        yield SeenKeys(database, until)


def _drop(connection: Connection) -> None:
    # Lost with the connection, when that is lost.
    with suppress(SQLAlchemyError):
        connection.execute(text("DROP TABLE seen_key"))


def _key(stream: Stream) -> dict[str, str]:
    return {"tenant": stream.tenant, "source": stream.source, "stream": stream.name}

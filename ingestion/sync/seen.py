"""The keys that a read of a stream has brought, kept in the database: there may be millions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from index.database import Database
from index.writer import Stream

_ADD = text(
    "INSERT INTO seen_key SELECT unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING RETURNING key"
)
# Alive, here before the read began, and within what it lists.
_MISSING = """
    FROM remit.record AS held
    WHERE tenant_id = :tenant AND source = :source AND stream = :stream AND deleted_at IS NULL
        AND synced_at < :began AND (updated_at >= :since OR updated_at IS NULL
                                    OR CAST(:since AS timestamptz) IS NULL)
        AND NOT EXISTS (SELECT FROM seen_key WHERE seen_key.key = held.key)
"""
_COUNT_MISSING = text(f"SELECT count(*) {_MISSING}")
_PAGE = text(f"SELECT key {_MISSING} AND key > :after ORDER BY key LIMIT :size")


class SeenKeys:
    """The keys of one read. Made by `seen_keys`, and gone with it, or with the process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, keys: Sequence[str]) -> set[str]:
        """Keep the keys; returns those that had not come before."""
        return set(self._connection.execute(_ADD, {"keys": list(keys)}).scalars())

    def count_missing(self, stream: Stream, began: datetime, since: datetime | None) -> int:
        """How many of the records held did not come.

        A record that changed after `began` counts as having come, and so does one that was last
        modified before `since`, because the read does not list those.
        """
        self._connection.execute(text("ANALYZE seen_key"))
        about = {**_key(stream), "began": began, "since": since}
        missing: int = self._connection.execute(_COUNT_MISSING, about).scalar_one()
        return missing

    def missing(
        self, stream: Stream, began: datetime, since: datetime | None, size: int
    ) -> Iterator[list[str]]:
        """The keys that did not come, so many at a time."""
        about = {**_key(stream), "began": began, "since": since, "size": size}
        after = ""
        while keys := list(self._connection.execute(_PAGE, {**about, "after": after}).scalars()):
            yield keys
            after = keys[-1]


@contextmanager
def seen_keys(database: Database) -> Iterator[SeenKeys]:
    """A place for the keys of one read."""
    with database.session() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE seen_key (key text PRIMARY KEY)"))
        try:
            yield SeenKeys(connection)
        finally:
            # Lost with the connection, when that is lost.
            with suppress(SQLAlchemyError):
                connection.execute(text("DROP TABLE seen_key"))


def _key(stream: Stream) -> dict[str, str]:
    return {"tenant": stream.tenant, "source": stream.source, "stream": stream.name}

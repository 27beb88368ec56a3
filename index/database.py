"""Connections: writers own the tables, readers can only look at one tenant.

Reads run as the role `remit_query`, which owns nothing, can write nothing, and sees through
row-level security only the tenant named for the transaction. That is the second wall behind the
policy clause of each statement.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from index.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

QUERY_ROLE = "remit_query"
CONNECT_SECONDS = 5
READ_SECONDS = 10
LOCK_SECONDS = 30

# A machine that is gone says no goodbye: without these Postgres keeps its locks for two hours.
_NOTICE_LOSS = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"

_NOW = text("SELECT clock_timestamp()")
_SET_TENANT = text("SELECT set_config('remit.tenant', :tenant, true)")


class Database:
    """One Postgres, with an engine for writing (sync, for jobs) and one for reading (async).

    `query_url` may name a login that is a member of `remit_query` and of nothing else, so that a
    reading connection could not become the owner's even if a statement tried to.
    """

    def __init__(self, url: str, *, query_url: str | None = None, pooled: bool = True) -> None:
        self.url = url
        self._query_url = query_url or url
        self._pooled = pooled
        self._writer: Engine | None = None
        self._reader: AsyncEngine | None = None

    @property
    def writer(self) -> Engine:
        """The owner's engine, for migrations and jobs."""
        if self._writer is None:
            self._writer = create_engine(
                self.url,
                pool_pre_ping=True,
                max_overflow=-1,  # a sync takes three; how many syncs run is bounded elsewhere
                hide_parameters=True,  # an error's text goes to logs, and parameters hold data
                connect_args={
                    "connect_timeout": CONNECT_SECONDS,
                    "options": f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s {_NOTICE_LOSS}",
                },
            )
        return self._writer

    @property
    def reader(self) -> AsyncEngine:
        """The engine of `remit_query`. Its sessions are read-only and time out by themselves."""
        if self._reader is None:
            # Only here: it brings SQLAlchemy's ORM along, and most commands only write.
            from sqlalchemy.ext.asyncio import create_async_engine

            options = (
                f"-c role={QUERY_ROLE} -c timezone=UTC -c default_transaction_read_only=on"
                f" -c statement_timeout={READ_SECONDS}s -c jit=off"
            )
            pool = {} if self._pooled else {"poolclass": NullPool}
            self._reader = create_async_engine(
                self._query_url,
                hide_parameters=True,
                connect_args={"connect_timeout": CONNECT_SECONDS, "options": options},
                **pool,
            )
            # psycopg prepares a statement once it has been seen this often; plans of the nested
            # statements are worth keeping from the second time on.
            event.listen(self._reader.sync_engine, "connect", _prepare_early)
        return self._reader

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction as the owner; commits at the end, rolls back on any error."""
        try:
            with self.writer.begin() as connection:
                yield connection
        except OperationalError as error:
            raise _unavailable(error) from error

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """One connection as the owner, each statement a transaction of its own: for what lives as
        long as a connection does, such as locks and temporary tables."""
        engine = self.writer.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise _unavailable(error) from error

    @asynccontextmanager
    async def reading(
        self, tenant: str, *, repeatable: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """One read-only transaction that can see the rows of `tenant` and no others.

        With `repeatable` all its statements see the database as it was at the first of them.
        """
        try:
            async with self.reader.connect() as connection:
                if repeatable:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                async with connection.begin():
                    await connection.execute(_SET_TENANT, {"tenant": tenant})
                    yield connection
        except OperationalError as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._reader is not None:
            await self._reader.dispose()
        if self._writer is not None:
            self._writer.dispose()


def clock(connection: Connection) -> datetime:
    """What time it is by the one clock that all machines share: the database's."""
    now: datetime = connection.execute(_NOW).scalar_one()
    return now


def _prepare_early(connection: object, _record: object) -> None:
    connection.driver_connection.prepare_threshold = 2  # type: ignore[attr-defined]


def _unavailable(error: OperationalError) -> Unavailable:
    # The driver's text may quote the statement's values, so only the state's name goes out.
    state = getattr(error.orig, "sqlstate", None) or "no connection"
    if state == "57014":
        return Unavailable(
            f"The query took longer than {READ_SECONDS} s and was stopped. Ask for fewer rows"
            " (`first`) or fewer nested lists."
        )
    return Unavailable(
        f"The database did not answer ({state}). Check that it runs and that REMIT_DATABASE_URL"
        " points to it, then try again."
    )

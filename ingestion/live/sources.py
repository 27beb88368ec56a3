"""Live reads over all sources: concurrent, each record once, within a budget, written through."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import anyio
import anyio.to_thread
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from sqlalchemy import Connection, select, text

from index.database import Database, clock
from index.entity_tables import EntityTables
from index.errors import Unavailable
from index.rejected import accept, reject
from index.removal import mark_deleted
from index.stream import Stream, row_id
from index.writer import register_source, write_batch
from ingestion.customers import account_entities
from ingestion.live.budget import Budget, BudgetSpent
from ingestion.live.client import CONNECTIONS, NoAnswer, NotReadable
from ingestion.live.read import Found, LiveSource
from ingestion.mapping.format import Children
from ingestion.request_budget import RequestBudget
from ingestion.source import Source
from semantic_layer.freshness import Failure, Wanted
from semantic_layer.identity import resolve_customers
from semantic_layer.model import Model

CALLS = 50
SECONDS = 8.0
FAILURES_UNTIL_OPEN = 5
SECONDS_OPEN = 30.0

_Outcome = Found | str
"""What was found, or the reason why not."""


class LiveSources:
    """The `LiveReader` over the sources of one tenant; one for a process and its event loop.

    Nothing is read for another tenant, whose credentials these are not. `calls` and `seconds` bound
    what one refresh may cost. After FAILURES_UNTIL_OPEN reads in a row that a source did not
    answer, it is left alone for `seconds_open`, and reads fail at once.
    """

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        model: Model,
        sources: Callable[[], Iterable[Source]],
        *,
        tenant: str,
        calls: int = CALLS,
        seconds: float = SECONDS,
        seconds_open: float = SECONDS_OPEN,
    ) -> None:
        self._database = database
        self._tables = tables
        self._model = model
        self._tenant = tenant
        self._sources = sources
        self._live: dict[str, tuple[Source, LiveSource]] = {}
        self._connecting = threading.Lock()
        self._readers: Counter[LiveSource] = Counter()
        self._registered: set[tuple[str, str]] = set()
        self._calls = calls
        self._seconds = seconds
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=FAILURES_UNTIL_OPEN,
            default_ttl=seconds_open,
            exclude=[BudgetSpent, NotReadable, (Unavailable, _is_not_the_source)],
        )
        self._flights: dict[tuple[str, Wanted], asyncio.Future[str | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._limiters: dict[str, anyio.CapacityLimiter] = {}

    async def refresh(self, tenant: str, wanted: Sequence[Wanted]) -> Sequence[Failure]:
        """Read what is wanted and write it through; what is not among the failures is fresh now.

        What another caller is reading already is waited for, not read again.
        """
        budget = Budget(self._calls, self._seconds)
        loop = asyncio.get_running_loop()
        by_source: dict[str, list[Wanted]] = {}
        flights: dict[Wanted, asyncio.Future[str | None]] = {}
        for item in dict.fromkeys(wanted):
            flight = self._flights.get((tenant, item))
            if flight is None:
                flight = self._flights[tenant, item] = loop.create_future()
                by_source.setdefault(item.source, []).append(item)
            flights[item] = flight
        for name, items in by_source.items():
            task = asyncio.create_task(self._fly(tenant, name, items, budget))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if flights:
            # Not cancelled when this caller gives up: others may wait for the same flights.
            await asyncio.wait(flights.values(), timeout=budget.seconds_left)
        late = f"it was not read within {self._seconds:g} s"
        reasons = {
            item: flight.result() if flight.done() else late for item, flight in flights.items()
        }
        return [
            Failure(item, _sentence(item.source, reason))
            for item, reason in reasons.items()
            if reason is not None
        ]

    async def close(self) -> None:
        """Wait for reads under way, which all have an end, then close the connections."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._seconds)
        for _, live in self._live.values():
            live.close()

    async def _fly(self, tenant: str, name: str, items: Sequence[Wanted], budget: Budget) -> None:
        """Read the items of one source side by side, write them together, tell who waits."""
        reasons: dict[Wanted, str | None] = dict.fromkeys(items, "reading it failed")
        try:
            began = await anyio.to_thread.run_sync(self._now)
            outcomes = await asyncio.gather(
                *(self._read(tenant, name, item, budget) for item in items)
            )
            reasons = await anyio.to_thread.run_sync(
                self._write, tenant, name, dict(zip(items, outcomes, strict=True)), began
            )
        except Unavailable as error:
            reasons = dict.fromkeys(items, str(error))
        finally:
            for item in items:
                flight = self._flights.pop((tenant, item))
                if not flight.done():
                    flight.set_result(reasons[item])

    async def _read(self, tenant: str, name: str, item: Wanted, budget: Budget) -> _Outcome:
        breaker = await self._breakers.get_breaker(name)
        # One for each source: a slow one holds up nobody else.
        limiter = self._limiters.setdefault(name, anyio.CapacityLimiter(CONNECTIONS))
        try:
            async with breaker:
                return await anyio.to_thread.run_sync(
                    self._read_blocking, tenant, name, item, budget, limiter=limiter
                )
        except OpenedState:
            return "it failed to answer several times in a row and is left alone for a while"
        except (NoAnswer, BudgetSpent) as error:
            return str(error)

    def _read_blocking(self, tenant: str, name: str, item: Wanted, budget: Budget) -> Found:
        source = self._source(name) if tenant == self._tenant else None
        if source is None:
            raise NotReadable("no source of that name is configured")
        with self._live_source(source) as live:
            if item.children is None:
                return live.record(item, budget)
            found = Found()
            for listing in live.listings(item):
                held = self._held(tenant, source, item, listing)
                live.children(item, listing, held, budget, found)
            return found

    def _source(self, name: str) -> Source | None:
        return next((source for source in self._sources() if source.name == name), None)

    def _now(self) -> datetime:
        with self._database.session() as connection:
            return clock(connection)

    @contextmanager
    def _live_source(self, source: Source) -> Iterator[LiveSource]:
        """What reads the source, made anew when it is another than before; the one before is closed
        when nobody reads with it any more."""
        with self._connecting:
            known, live = self._live.get(source.name, (None, None))
            if live is None or known is not source:
                before = live
                live = LiveSource(source, source.client(self._admission(source)), self._tenant)
                self._live[source.name] = source, live
                if before is not None and not self._readers[before]:
                    before.close()
            self._readers[live] += 1
        try:
            yield live
        finally:
            with self._connecting:
                self._readers[live] -= 1
                if not self._readers[live]:
                    del self._readers[live]
                    if self._live[source.name][1] is not live:
                        live.close()

    def _admission(self, source: Source) -> Callable[[], None] | None:
        """What lets a request to the source through, or raises BudgetSpent."""
        limit = source.requests_per_minute
        if limit is None:
            return None
        shared = RequestBudget(self._database, self._tenant, source.name, limit)

        def admit() -> None:
            if not shared.take():
                raise BudgetSpent(f"the {limit} requests a minute that it allows are used up")

        return admit

    def _held(self, tenant: str, source: Source, item: Wanted, listing: Children) -> frozenset[str]:
        """The keys of the children that the index holds under the parent."""
        parent = source.stream(item.stream, tenant)
        table = self._tables[item.children or ""]
        with self._database.writing() as connection:
            return frozenset(
                connection.execute(
                    select(table.c.remote_id).where(
                        table.c.tenant_id == tenant,
                        table.c.source == source.name,
                        table.c.stream == listing.stream,
                        table.c[listing.by] == row_id(parent, item.remote_id),
                        table.c.deleted_at.is_(None),
                    )
                ).scalars()
            )

    def _write(
        self, tenant: str, name: str, outcomes: dict[Wanted, _Outcome], began: datetime
    ) -> dict[Wanted, str | None]:
        """Write all that was found since then in one transaction; returns why an item is not fresh.

        What was noted as deleted meanwhile stays so: it is not known which of both came first.
        """
        found = [outcome for outcome in outcomes.values() if isinstance(outcome, Found)]
        if any(one.records or one.gone or one.rejected for one in found):
            source = self._source(name)
            if source is None:
                return dict.fromkeys(outcomes, "it was taken out of the configuration")
            with self._database.writing() as connection:
                # What a crash of the database loses, the next sync brings: no STATE covers it.
                connection.execute(text("SET LOCAL synchronous_commit = off"))
                if (tenant, name) not in self._registered:
                    register_source(connection, tenant, name, source.connector)
                self._write_found(connection, source, tenant, found, began)
            self._registered.add((tenant, name))
        return {
            item: outcome if isinstance(outcome, str) else _rejection(outcome)
            for item, outcome in outcomes.items()
        }

    def _write_found(
        self,
        connection: Connection,
        source: Source,
        tenant: str,
        found: Collection[Found],
        began: datetime,
    ) -> None:
        at = clock(connection)
        accounts: set[UUID] = set()
        for name in source.mapped:
            stream = source.stream(name, tenant)
            records = [mapped for one in found for mapped in one.records.get(name, ())]
            gone = [key for one in found for key in one.gone.get(name, ())]
            written = write_batch(
                connection,
                self._tables,
                stream,
                [mapped.incoming for mapped in records],
                at=at,
                live=True,
                began=began,
            )
            accept(connection, stream, [mapped.incoming.key for mapped in records])
            if gone:
                mark_deleted(connection, self._tables, stream, gone, at)
            for one in found:
                reject(connection, stream, None, one.rejected.get(name, ()))
            accounts |= self._changed_accounts(stream, written.changed, gone)
        if accounts:
            resolve_customers(connection, self._tables, self._model, tenant, accounts)

    def _changed_accounts(
        self, stream: Stream, changed: Mapping[str, tuple[UUID, ...]], gone: Collection[str]
    ) -> set[UUID]:
        entities = account_entities(self._model, stream)
        if not entities:
            return set()
        rows = {row for entity in entities for row in changed.get(entity, ())}
        return rows | {row_id(stream, key) for key in gone}


def _is_not_the_source(error: BaseException) -> bool:
    """Whether something else failed, such as the database, so that the source is not to blame."""
    return not isinstance(error, NoAnswer)


def _rejection(found: Found) -> str | None:
    rejected = [one.reason for each in found.rejected.values() for one in each]
    if not rejected:
        return None
    return f"{len(rejected)} of its records cannot be used: {rejected[0]}"


def _sentence(source: str, reason: str) -> str:
    return reason if reason.endswith(".") else f"{source}: {reason}."

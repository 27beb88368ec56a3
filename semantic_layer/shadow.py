"""A version of the policies on trial: what it would have shown otherwise, found beside the answers.

It takes no part in an answer and no time of it: reads are noted after they are answered, and worked
off one after the other. If they come faster than that, some are left out, and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from access_policies import Candidate
from access_policies.versions.shadow_runs import Change, Difference
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import InvalidRequest, NotPermitted
from index.predicate import Predicate
from semantic_layer.context import Context
from semantic_layer.facts import Facts
from semantic_layer.model import Model
from semantic_layer.outline import entities_of, read_outline
from semantic_layer.query import Root

log = logging.getLogger(__name__)

_CAPACITY = 100  # reads; each waits for one or two queries of those before it

_Row = tuple[str, UUID]
_Masked = dict[_Row, frozenset[str]]
"""The visible rows, by entity and id, with the names of their masked fields."""


class DifferenceSink(Protocol):
    """Keeps the differences that a trial finds; implemented by the API."""

    async def record(self, tenant: str, version: int, differences: Sequence[Difference]) -> None:
        """Count the differences of one read. They hold no value of a row."""
        ...


@dataclass(frozen=True)
class _Read:
    context: Context
    candidate: Candidate
    roots: Sequence[Root]


class Shadow:
    """Compares what reads show with what they would show under the version on trial.

    A row is gained or lost by its own policy: one that only moved to another page is neither.
    `dropped` reads were too many, and `failed` ones could not be compared.
    """

    def __init__(
        self,
        database: Database,
        model: Model,
        tables: EntityTables,
        sink: DifferenceSink,
        *,
        capacity: int = _CAPACITY,
    ) -> None:
        self.dropped = 0
        self.failed = 0
        self._database = database
        self._model = model
        self._tables = tables
        self._sink = sink
        self._capacity = capacity
        self._waiting: deque[_Read] = deque()
        self._worker: asyncio.Task[None] | None = None

    def note(self, context: Context, roots: Sequence[Root]) -> None:
        """Compare a read later that has been answered; nothing to do without a candidate."""
        if context.candidate is None:
            return
        if len(self._waiting) >= self._capacity:
            self.dropped += 1
            return
        self._waiting.append(_Read(context, context.candidate, roots))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())

    async def drained(self) -> None:
        """Wait until all that was noted has been compared."""
        while self._worker is not None and not self._worker.done():
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        while self._waiting:
            read = self._waiting.popleft()
            try:
                differences = await self._compared(read)
                if differences:
                    tenant = read.context.principal.tenant
                    await self._sink.record(tenant, read.candidate.number, differences)
            except Exception as error:
                self.failed += 1
                # The type only: a message may repeat what was asked.
                log.warning(
                    "a read could not be compared with version %d of the policies (%s)",
                    read.candidate.number,
                    type(error).__name__,
                )

    async def _compared(self, read: _Read) -> list[Difference]:
        real = replace(read.context, candidate=None)
        tried = replace(real, snapshot=read.candidate.snapshot)
        entities = [
            entity
            for entity in sorted(entities_of(self._model, read.roots))
            if real.visibility(entity) != tried.visibility(entity)
        ]
        if not entities:
            return []
        facts = Facts(real.compiler(self._model, self._tables), _reads(real, tried))
        async with self._database.reading(real.principal.tenant, repeatable=True) as connection:
            shown = await self._masked(connection, real, read.roots)
            would_be = await self._masked(connection, tried, read.roots)
            for entity in entities:
                ids = [row_id for name, row_id in shown.keys() ^ would_be.keys() if name == entity]
                async for row_id, facts_of_row in facts.of(connection, entity, ids):
                    for context, masked in ((real, shown), (tried, would_be)):
                        _look(context, masked, (entity, row_id), facts_of_row)
        principal = real.principal
        return [
            Difference(
                entity=row[0],
                row_id=row[1],
                change=change,
                field=field,
                user=principal.user,
                agent=principal.agent,
            )
            for row, change, field in _changes(shown, would_be)
            if row[0] in entities
        ]

    async def _masked(
        self, connection: AsyncConnection, context: Context, roots: Sequence[Root]
    ) -> _Masked:
        compiler = context.compiler(self._model, self._tables)
        try:
            outline = await read_outline(connection, compiler, roots)
        except (InvalidRequest, NotPermitted):
            # What was asked may not be asked under this version, by a field that it masks. What
            # that means for each row comes out when the rows are looked at one by one.
            return {}
        return {(each.entity, each.row_id): each.masked for each in outline}


def _reads(*contexts: Context) -> Callable[[str], Sequence[Predicate]]:
    """What the policies of several snapshots read of an entity's rows."""
    return lambda entity: [p for each in contexts for p in each.snapshot.predicates(entity)]


def _look(context: Context, masked: _Masked, row: _Row, facts: Mapping[str, Any]) -> None:
    """Add a row that is visible, though it stands nowhere in the answer: it is on another page, or
    what it hangs below is hidden."""
    snapshot, principal, entity = context.snapshot, context.principal, row[0]
    if row not in masked and snapshot.decide(principal, entity, facts, context.now):
        masked[row] = frozenset(snapshot.masks_for(principal, entity, facts, context.now))


def _changes(shown: _Masked, would_be: _Masked) -> Iterator[tuple[_Row, Change, str]]:
    for row in sorted(shown.keys() | would_be.keys()):
        if row not in shown:
            yield row, "gained", ""
        elif row not in would_be:
            yield row, "lost", ""
        else:
            for field in sorted(would_be[row] - shown[row]):
                yield row, "masked", field
            for field in sorted(shown[row] - would_be[row]):
                yield row, "unmasked", field

"""The one way to read: whoever asks, through whatever door, the answer comes from here.

context (who asks, under which snapshot, when) + roots (what is asked)
    → live reads, where an age was asked for that the index does not have
    → one SQL statement with policy at every level
    → where it was read live, and by chance, each of its rows before Casbin as well
    → JSON, which nobody takes apart again
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from access_policies import Explanation, Principal, explain
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, InvalidRequest
from semantic_layer.compiler import Compiler
from semantic_layer.confirm import Unconfirmed, confirm
from semantic_layer.context import Context
from semantic_layer.facts import Facts
from semantic_layer.freshness import Failure, LiveReader
from semantic_layer.live_plan import LivePlan
from semantic_layer.model import Model
from semantic_layer.query import Lookup, Root, children
from semantic_layer.readable import readable_by
from semantic_layer.selection import check_max_age
from semantic_layer.shadow import Shadow
from semantic_layer.statements import Statements
from semantic_layer.stream_freshness import Feed, stream_freshness
from semantic_layer.view import View

# A live read may show a row to belong elsewhere, whose verdict hangs on yet another row.
_ROUNDS = 3


@dataclass(frozen=True)
class Answer:
    """The JSON of a root, None where there is no such row.

    `doubt` holds the titles of several rows that a name fits alike; `near` those of rows that have
    a similar name, where none has that one. All are rows that the caller may see.
    """

    json: bytes | None
    doubt: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


class Reader:
    """Answers questions from the index, and from the sources where that is not fresh enough."""

    def __init__(
        self,
        database: Database,
        model: Model,
        tables: EntityTables,
        live: LiveReader | None = None,
        *,
        recheck: float = 0,
        chance: Random | None = None,
        shadow: Shadow | None = None,
        feeds: Callable[[], Sequence[Feed]] = tuple,
    ) -> None:
        """`recheck` is the share of reads, from 0 to 1, whose rows are put before Casbin too; reads
        that had to be fresh always are. `chance` draws them, by default so that nobody can guess.
        `feeds` tells the streams that rows come from.
        """
        if not 0 <= recheck <= 1:
            raise ConfigurationError(
                f"The share of reads to confirm is {recheck}; it must be from 0 (none but fresh"
                " reads) to 1 (every read)."
            )
        self.database = database
        self.model = model
        self.tables = tables
        self.live = live
        self.shadow = shadow
        self.feeds = feeds
        self.disagreements = 0  # answers withheld because SQL and Casbin differed
        self._statements = Statements()
        self._recheck = recheck
        self._chance = chance or SystemRandom()

    async def read(self, context: Context, roots: Sequence[Root]) -> tuple[Answer, ...]:
        """Answer each root, in order. Raises RemitError with a text that the caller may see."""
        if not roots:
            return ()
        check_max_age(roots)
        failures = await self._refresh(context, roots)
        compiler = context.compiler(self.model, self.tables, failures)
        confirmed = self._to_confirm(roots)
        async with self.database.reading(
            context.principal.tenant, repeatable=bool(confirmed)
        ) as connection:
            row = await self._statements.answer(connection, compiler, roots)
            if confirmed:
                await self._confirm(connection, compiler, context, confirmed)
        if self.shadow is not None:
            self.shadow.note(context, roots)
        return tuple(_answer(*pair) for pair in zip(row[::2], row[1::2], strict=True))

    async def freshness(self, context: Context) -> list[dict[str, Any]]:
        """When the streams were last read that feed the entities that exist for the caller."""
        view = View.of(self.model, context.visibility)
        entities = {seen.entity for seen in view.seen}
        tenant = context.principal.tenant
        feeds = await anyio.to_thread.run_sync(self.feeds)
        async with self.database.reading(tenant) as connection:
            return await stream_freshness(connection, tenant, feeds, entities)

    async def explain(
        self, context: Context, entity: str, row_id: UUID, *, asker: Principal | None = None
    ) -> Explanation | None:
        """Why the caller sees a row or not; None when there is no such row.

        It shows the values of the row that the asker may see; without one, to an operator, all.
        """
        if entity not in self.model.entities:
            known = ", ".join(sorted(self.model.entities))
            raise InvalidRequest(f"There is no entity {entity!r}; there are {known}.")
        facts = Facts(context.compiler(self.model, self.tables), context.snapshot.predicates)
        async with self.database.reading(context.principal.tenant) as connection:
            rows = [row async for _, row in facts.of(connection, entity, [row_id])]
        if not rows:
            return None
        asked = (entity, rows[0], context.now)
        if asker is None:
            return explain(context.snapshot, context.principal, *asked)
        may_know = readable_by(asker, context.snapshot, self.model.specs, *asked)
        return explain(context.snapshot, context.principal, *asked, may_know)

    def _to_confirm(self, roots: Sequence[Root]) -> Sequence[Root]:
        """The roots of which every row is put before Casbin."""
        if self._chance.random() < self._recheck:
            return roots
        return [root for root in roots if _wants_fresh(root)]

    async def _confirm(
        self,
        connection: AsyncConnection,
        compiler: Compiler,
        context: Context,
        roots: Sequence[Root],
    ) -> None:
        try:
            await confirm(connection, compiler, context, roots)
        except Unconfirmed:
            self.disagreements += 1
            raise

    async def _refresh(self, context: Context, roots: Sequence[Root]) -> Sequence[Failure]:
        """Read live what is older than asked for, as far as the caller sees it in the index."""
        fresh = (root.ask for root in roots if _wants_fresh(root))
        lookups = [ask for ask in fresh if isinstance(ask, Lookup)]
        if not lookups:
            return ()
        feeds = await anyio.to_thread.run_sync(self.feeds)
        plan = LivePlan(context.compiler(self.model, self.tables), context.now, feeds)
        failures: list[Failure] = []
        asked: set[Any] = set()
        for _ in range(_ROUNDS):
            async with self.database.reading(context.principal.tenant) as connection:
                wanted = [w for w in await plan.wanted(connection, lookups) if w not in asked]
            if not wanted:
                break
            asked.update(wanted)
            if self.live is None:
                failures += [Failure(w, "Live reads are not set up here.") for w in wanted]
            else:
                failures += await self.live.refresh(context.principal.tenant, wanted)
        return failures


def _answer(json: str | None, in_doubt: str | None) -> Answer:
    if in_doubt is None:
        return Answer(json.encode() if json is not None else None)
    names = orjson.loads(in_doubt)
    titles = tuple(sorted(names["titles"]))
    return Answer(None, near=titles) if names["near"] else Answer(None, doubt=titles)


def _wants_fresh(root: Root) -> bool:
    """Whether it names an age that the index may not have: only lookups can."""
    return isinstance(root.ask, Lookup) and (
        root.ask.max_age is not None
        or any(child.listing.max_age is not None for child in children(root.ask.outputs))
    )

"""The one way to read: whoever asks, through whatever door, the answer comes from here.

context (who asks, under which snapshot, when) + roots (what is asked)
    → live reads, where an age was asked for that the index does not have
    → one SQL statement with policy at every level
    → JSON, which nobody takes apart again
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from access_policies import Explanation, Principal, Snapshot, Visibility, explain
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import InvalidRequest, Unavailable
from semantic_layer.compiler import Compiler
from semantic_layer.freshness import Failure, LiveReader
from semantic_layer.live_plan import LivePlan
from semantic_layer.model import Model
from semantic_layer.query import Lookup, Root, children
from semantic_layer.selection import check_max_age

log = logging.getLogger(__name__)

# A live read may show a row to belong elsewhere, whose verdict hangs on yet another row.
_ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Context:
    """Who asks, under which policies, and the moment that `now` means throughout the request."""

    principal: Principal
    snapshot: Snapshot
    now: datetime

    def visibility(self, entity: str) -> Visibility:
        """What the caller may see of an entity."""
        return self.snapshot.visibility(self.principal, entity)


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
        self, database: Database, model: Model, tables: EntityTables, live: LiveReader | None = None
    ) -> None:
        self.database = database
        self.model = model
        self.tables = tables
        self.live = live

    async def read(self, context: Context, roots: Sequence[Root]) -> tuple[Answer, ...]:
        """Answer each root, in order. Raises RemitError with a text that the caller may see."""
        if not roots:
            return ()
        check_max_age(roots)
        failures = await self._refresh(context, roots)
        statement = self._compiler(context, failures).statement(roots)
        async with self.database.reading(context.principal.tenant) as connection:
            row = (await connection.execute(statement)).one()
        return tuple(_answer(*pair) for pair in zip(row[::2], row[1::2], strict=True))

    async def explain(self, context: Context, entity: str, row_id: UUID) -> Explanation | None:
        """Why the caller sees a row or not; None when there is no such row.

        For operators: the explanation shows values of the row that the caller may not see.
        """
        if entity not in self.model.entities:
            known = ", ".join(sorted(self.model.entities))
            raise InvalidRequest(f"There is no entity {entity!r}; there are {known}.")
        everything = self._compiler(context, ()).unrestricted_facts(entity, row_id)
        async with self.database.reading(context.principal.tenant) as connection:
            row = (await connection.execute(everything)).mappings().one_or_none()
        if row is None:
            return None
        return explain(context.snapshot, context.principal, entity, as_facts(row), context.now)

    def _compiler(self, context: Context, failures: Sequence[Failure]) -> Compiler:
        return Compiler(
            model=self.model,
            tables=self.tables,
            tenant=context.principal.tenant,
            visibility=context.visibility,
            now=context.now,
            failures=failures,
        )

    async def _refresh(self, context: Context, roots: Sequence[Root]) -> Sequence[Failure]:
        """Read live what is older than asked for, as far as the caller sees it in the index."""
        lookups = [root.ask for root in roots if isinstance(root.ask, Lookup)]
        lookups = [lookup for lookup in lookups if _wants_fresh(lookup)]
        if not lookups:
            return ()
        compiler = self._compiler(context, ())
        plan = LivePlan(compiler, context.now)
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
        async with self.database.reading(context.principal.tenant) as connection:
            for lookup in lookups:
                await self._decide_again(context, compiler, connection, lookup)
        return failures

    async def _decide_again(
        self,
        context: Context,
        compiler: Compiler,
        connection: AsyncConnection,
        lookup: Lookup,
    ) -> None:
        """Put each row that was read live before Casbin as well, with its fresh attributes.

        SQL and Casbin are proven to agree; should they ever not, nothing is answered.
        """
        row = (await connection.execute(compiler.found(lookup))).mappings().one_or_none()
        if row is None:
            return
        queries = {lookup.entity: compiler.facts(lookup.entity, lambda t: t.c.id == row["id"])}
        for child in children(lookup.outputs):
            if child.listing.max_age is not None:
                queries[child.listing.entity] = compiler.child_facts(
                    lookup.entity, row["id"], child
                )
        for entity, query in queries.items():
            for facts in (await connection.execute(query)).mappings():
                if not context.snapshot.decide(
                    context.principal, entity, as_facts(facts), context.now
                ):
                    log.error(
                        "SQL shows %s %s and Casbin does not, under snapshot %s: answer withheld",
                        entity,
                        facts["id"],
                        context.snapshot.version,
                    )
                    raise Unavailable(
                        "The decision about a row could not be confirmed, so nothing is shown."
                        " An operator finds the reason in the log."
                    )


def _answer(json: str | None, in_doubt: str | None) -> Answer:
    if in_doubt is None:
        return Answer(json.encode() if json is not None else None)
    names = orjson.loads(in_doubt)
    titles = tuple(sorted(names["titles"]))
    return Answer(None, near=titles) if names["near"] else Answer(None, doubt=titles)


def as_facts(row: RowMapping | Mapping[str, Any]) -> dict[str, Any]:
    """`{"status": …, "customer.region": …}` as policies read it: `{"customer": {"region": …}}`."""
    facts: dict[str, Any] = {}
    for name, value in row.items():
        relation, dot, field = name.partition(".")
        held = tuple(value) if isinstance(value, list) else value
        if not dot:
            facts[name] = held
        elif row[f"{relation}.id"] is None:
            facts[relation] = None
        else:
            facts.setdefault(relation, {})[field] = held
    return facts


def _wants_fresh(lookup: Lookup) -> bool:
    return lookup.max_age is not None or any(
        child.listing.max_age is not None for child in children(lookup.outputs)
    )

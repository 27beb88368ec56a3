"""What must be read live before a lookup may be answered.

Only what the caller sees in the index is read live, and what the verdict about it hangs on; so a
forbidden record costs no call, shows in no source's log and takes no time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from index.specs import EntitySpec, RelationSpec
from index.tables import identity_link, stream_state
from semantic_layer.compiler import Compiler
from semantic_layer.freshness import Wanted
from semantic_layer.provenance import as_of
from semantic_layer.query import Lookup, children
from semantic_layer.stream_freshness import Feed


class LivePlan:
    """Works out what a lookup needs read live before it may be answered."""

    def __init__(self, compiler: Compiler, now: datetime, feeds: Sequence[Feed]) -> None:
        self._compiler = compiler
        self._now = now
        self._feeds = feeds

    async def wanted(self, connection: AsyncConnection, lookups: Iterable[Lookup]) -> list[Wanted]:
        """All that is older in the index than the lookups accept."""
        found: list[Wanted] = []
        for lookup in lookups:
            row = (await connection.execute(self._compiler.found(lookup))).mappings().first()
            if row is not None:
                found += await self._of_row(connection, lookup, dict(row))
        return list(dict.fromkeys(found))

    async def _of_row(
        self, connection: AsyncConnection, lookup: Lookup, row: dict[str, Any]
    ) -> list[Wanted]:
        entity = self._compiler.model[lookup.entity]
        found: list[Wanted] = []
        ages = [lookup.max_age] if lookup.max_age is not None else []
        for child in children(lookup.outputs):
            listing = child.listing
            if listing.max_age is not None:
                ages.append(listing.max_age)
                found += await self._lists(connection, lookup, row, listing.entity, listing.max_age)
        cutoff = self._now - timedelta(seconds=min(ages))
        if entity.spec.resolved:
            return [*await self._members(connection, [row["id"]], cutoff), *found]
        if lookup.max_age is not None and row["as_of"] < cutoff:
            found.append(Wanted(row["source"], row["stream"], row["remote_id"]))
        return [*found, *await self._parents(connection, entity.spec, row["id"], cutoff)]

    async def _lists(
        self,
        connection: AsyncConnection,
        lookup: Lookup,
        row: dict[str, Any],
        child: str,
        max_age: int,
    ) -> list[Wanted]:
        """The lists of children, from each source that is not known to have been read since."""
        entity = self._compiler.model[lookup.entity]
        cutoff = self._now - timedelta(seconds=max_age)
        if not entity.spec.resolved:
            parents = [Wanted(row["source"], row["stream"], row["remote_id"])]
        else:
            parents = await self._members(connection, [row["id"]], None)
        fresh = await self._read_since(connection, child, {p.source for p in parents}, cutoff)
        return [
            Wanted(parent.source, parent.stream, parent.remote_id, child)
            for parent in parents
            if parent.source not in fresh
        ]

    async def _parents(
        self, connection: AsyncConnection, spec: EntitySpec, row_id: UUID, cutoff: datetime
    ) -> list[Wanted]:
        """The rows behind relations that the verdict hangs on."""
        found: list[Wanted] = []
        hops = self._compiler.visibility(spec.name).hops
        ends: dict[tuple[str, ...], tuple[EntitySpec, list[UUID]]] = {(): (spec, [row_id])}
        for path in sorted({hop[:length] for hop in hops for length in range(1, len(hop) + 1)}):
            near, ids = ends[path[:-1]]
            relation = near.relations[path[-1]]
            target = self._compiler.model[relation.target].spec
            ids = await self._targets(connection, near, relation, ids)
            ends[path] = (target, ids)
            if target.resolved:
                found += await self._members(connection, ids, cutoff)
            else:
                found += await self._rows(connection, target.name, ids, cutoff)
        return found

    async def _targets(
        self,
        connection: AsyncConnection,
        spec: EntitySpec,
        relation: RelationSpec,
        ids: Collection[UUID],
    ) -> list[UUID]:
        """The ids of the rows that a relation to one leads to."""
        table = self._compiler.tables[spec.name]
        ours = (table.c.tenant_id == self._compiler.tenant, table.c.id.in_(ids))
        keys = select(table.c[relation.column]).where(*ours)
        if relation.through_identity:
            keys = select(identity_link.c.customer_id).where(
                identity_link.c.tenant_id == self._compiler.tenant,
                identity_link.c.member_id.in_(keys),
            )
        return [key for key in (await connection.execute(keys)).scalars() if key is not None]

    async def _members(
        self, connection: AsyncConnection, customers: Collection[UUID], cutoff: datetime | None
    ) -> list[Wanted]:
        """The accounts that customers are made of."""
        members = select(identity_link.c.member_id).where(
            identity_link.c.tenant_id == self._compiler.tenant,
            identity_link.c.customer_id.in_(customers),
        )
        ids = list((await connection.execute(members)).scalars())
        resolved = next(e for e in self._compiler.model.entities.values() if e.resolved_from)
        return await self._rows(connection, resolved.resolved_from or "", ids, cutoff)

    async def _rows(
        self,
        connection: AsyncConnection,
        entity: str,
        ids: Collection[UUID],
        cutoff: datetime | None,
    ) -> list[Wanted]:
        table = self._compiler.tables[entity]
        rows = select(table.c.source, table.c.stream, table.c.remote_id).where(
            table.c.tenant_id == self._compiler.tenant,
            table.c.id.in_(ids),
            table.c.deleted_at.is_(None),
        )
        if cutoff is not None:
            rows = rows.where(as_of(table) < cutoff)
        ordered = rows.order_by(table.c.source, table.c.stream, table.c.remote_id)
        return [Wanted(*row) for row in await connection.execute(ordered)]

    async def _read_since(
        self, connection: AsyncConnection, entity: str, sources: Collection[str], cutoff: datetime
    ) -> set[str]:
        """The sources of which a sync has read every stream of the entity since the cutoff."""
        tenant = self._compiler.tenant
        streams = {
            (feed.source, feed.stream)
            for feed in self._feeds
            if (feed.tenant, feed.entity) == (tenant, entity) and feed.source in sources
        }
        found = await connection.execute(
            select(stream_state.c.source, stream_state.c.stream).where(
                stream_state.c.tenant_id == tenant,
                tuple_(stream_state.c.source, stream_state.c.stream).in_(streams),
                stream_state.c.synced_at >= cutoff,
            )
        )
        behind = streams - {(source, stream) for source, stream in found}
        return {source for source, _ in streams} - {source for source, _ in behind}

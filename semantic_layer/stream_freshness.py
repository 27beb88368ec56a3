"""How fresh an entity is as a whole: when the streams its rows come from were last read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_

from index.tables import stream_state
from semantic_layer.names import camel

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True)
class Feed:
    """A stream of a tenant's source whose records become rows of an entity."""

    tenant: str
    entity: str
    source: str
    stream: str


async def stream_freshness(
    connection: AsyncConnection, tenant: str, feeds: Sequence[Feed], entities: Collection[str]
) -> list[dict[str, Any]]:
    """The freshness of the streams that feed these entities, as the schema's StreamFreshness.

    A stream that was never read is there without times. Why one is behind is for operators only.
    """
    wanted = [feed for feed in feeds if feed.tenant == tenant and feed.entity in entities]
    streams = {(feed.source, feed.stream) for feed in wanted}
    found = await connection.execute(
        select(
            stream_state.c.source,
            stream_state.c.stream,
            stream_state.c.synced_at,
            stream_state.c.tried_at,
        ).where(
            stream_state.c.tenant_id == tenant,
            tuple_(stream_state.c.source, stream_state.c.stream).in_(streams),
        )
    )
    times = {(row.source, row.stream): (row.synced_at, row.tried_at) for row in found}
    never = None, None
    return [
        {
            "entity": camel(feed.entity),
            "source": feed.source,
            "stream": feed.stream,
            "syncedAt": _text(times.get((feed.source, feed.stream), never)[0]),
            "triedAt": _text(times.get((feed.source, feed.stream), never)[1]),
        }
        for feed in sorted(wanted, key=lambda feed: (feed.entity, feed.source, feed.stream))
    ]


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None

"""How far each stream has been read, and how its last sync ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from index.database import clock
from index.errors import Unavailable
from index.stream import Stream, of_stream
from index.tables import stream_state


class Position(NamedTuple):
    """Where a sync of the stream goes on."""

    state: Any | None  # the Airbyte STATE; None to read from the beginning
    synced_at: datetime | None  # when it was last read to its end
    cut_off: bool  # the sync before was killed while it read the stream
    began: datetime  # now, by the database's clock


def begin_stream(connection: Connection, stream: Stream, run_id: UUID) -> Position:
    """Note that the run reads the stream from now on."""
    held = connection.execute(
        select(stream_state).where(*of_stream(stream_state, stream)).with_for_update()
    ).first()
    key = {"tenant_id": stream.tenant, "source": stream.source, "stream": stream.name}
    row = upsert(stream_state).values(**key, run_id=run_id)
    connection.execute(row.on_conflict_do_update(index_elements=list(key), set_={"run_id": run_id}))
    began = clock(connection)
    if held is None:
        return Position(None, None, cut_off=False, began=began)
    return Position(held.state, held.synced_at, cut_off=held.run_id is not None, began=began)


def ensure_ours(connection: Connection, stream: Stream, run_id: UUID) -> None:
    """Make sure that no other run begins with the stream before this transaction has ended.

    Raises Unavailable when one has: Postgres gave our lock away when the connection that held it
    was lost.
    """
    ours = (*of_stream(stream_state, stream), stream_state.c.run_id == run_id)
    held = select(stream_state.c.run_id).where(*ours).with_for_update(read=True, key_share=True)
    if connection.execute(held).first() is None:
        raise Unavailable(
            f"Another sync has taken over {stream.source}, {stream.name}; this one ends."
        )


def save_state(connection: Connection, stream: Stream, state: Any) -> None:
    """Keep the STATE after the records written in this transaction, of a stream that is ours."""
    connection.execute(
        update(stream_state).where(*of_stream(stream_state, stream)).values(state=state)
    )


def end_stream(
    connection: Connection,
    stream: Stream,
    run_id: UUID,
    *,
    synced_at: datetime | None,
    problem: str | None,
    reconciled_at: datetime | None = None,
    reconcile_problem: str | None = None,
) -> None:
    """Note how reading the stream ended; `synced_at` when it came to its end, else the problem.

    How a reconcile ended stays until the next one: nothing else finds what is gone.
    """
    values: dict[str, Any] = {"tried_at": clock(connection), "problem": problem, "run_id": None}
    if synced_at is not None:
        values["synced_at"] = synced_at
    if reconciled_at is not None or reconcile_problem is not None:
        values["reconciled_at"] = reconciled_at or clock(connection)
        values["reconcile_problem"] = reconcile_problem
    ours = (*of_stream(stream_state, stream), stream_state.c.run_id == run_id)
    connection.execute(update(stream_state).where(*ours).values(**values))

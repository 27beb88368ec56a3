"""Where a row comes from, how old it is, and whether that is older than was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, false, func, null, select

from index.tables import stream_state
from semantic_layer.freshness import Failure
from semantic_layer.json_sql import json_text
from semantic_layer.scope import Scope


def provenance(
    scope: Scope, parts: Sequence[tuple[str, str]], failures: Sequence[Failure]
) -> list[tuple[str, ColumnElement[Any]]]:
    """The parts of a row's provenance as (key, value). `failures` of live reads give the reason."""
    row = scope.table
    age = as_of(row)
    stale: ColumnElement[Any] = false() if scope.cutoff is None else age < scope.cutoff
    reason: ColumnElement[Any] = null()
    if failures and scope.cutoff is not None:
        reasons = {failure.wanted.source: failure.reason for failure in failures}
        known = [(row.c.source == source, json_text(why)) for source, why in reasons.items()]
        reason = case((stale, case(*known, else_=null())), else_=null())
    described = {
        "source": row.c.source,
        "remoteId": row.c.remote_id,
        "remoteUrl": row.c.remote_url,
        "asOf": age,
        "stale": stale,
        "staleReason": reason,
        "__typename": json_text("Provenance"),
    }
    return [(key, described[part]) for key, part in parts]


def as_of(row: FromClause) -> ColumnElement[Any]:
    """When a row was last known to be as its source has it.

    A row that a sync found unchanged is not rewritten; that its stream was read to the end vouches
    for it instead.
    """
    stream = (
        select(stream_state.c.synced_at)
        .where(
            stream_state.c.tenant_id == row.c.tenant_id,
            stream_state.c.source == row.c.source,
            stream_state.c.stream == row.c.stream,
        )
        .correlate(row)
        .scalar_subquery()
    )
    return func.greatest(row.c.synced_at, row.c.live_at, stream)

"""References to a person that other rows have, such as the assignee of a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import update

from ingestion.erasure.person import PEOPLE
from ingestion.erasure.tenant_rows import TenantRows, among
from semantic_layer.model import Model


def clear_references(held: TenantRows, model: Model, people: Sequence[UUID]) -> dict[str, int]:
    """Empty every column that names one of them; how many rows had one, by column."""
    counts: dict[str, int] = {}
    for entity, table in held.tables.items():
        relations = model.specs[entity].relations.values()
        columns = {
            relation.column
            for relation in relations
            if relation.kind == "one" and relation.target in PEOPLE and relation.column != "id"
        }
        for name in sorted(columns):
            cleared = (
                update(table)
                .where(table.c.tenant_id == held.tenant, among(table.c[name], people))
                .values({name: None})
            )
            counts[f"{entity}.{name}"] = held.connection.execute(cleared).rowcount
    return {place: count for place, count in counts.items() if count}

"""Rows in a database and in memory, for tests that compare a preview with decisions one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, create_engine, text

from access_policies import Principal, Snapshot, read_policies
from index.database import QUERY_ROLE
from index.entity_tables import EntityTables
from semantic_layer import Model
from semantic_layer.impact import Change, FieldChange, Preview
from semantic_layer.preview import preview

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Index:
    """Rows in a database, and the same rows in memory by entity."""

    url: str
    model: Model
    tables: EntityTables
    tenant: str
    now: datetime
    rows: Mapping[str, Sequence[Row]]

    def snapshot(self, documents: Mapping[str, str]) -> Snapshot:
        return Snapshot(read_policies(documents.items(), self.model.specs, self.model.callers))

    def preview(
        self,
        connection: Connection,
        /,
        old: Snapshot | None,
        new: Snapshot,
        principals: Sequence[Principal],
        **options: Any,
    ) -> Preview:
        return preview(
            connection,
            self.model,
            self.tables,
            **{
                "tenant": self.tenant,
                "old": old,
                "new": new,
                "principals": principals,
                "approver": None,
                "now": self.now,
                **options,
            },
        )

    def one_by_one(
        self, entity: str, old: Snapshot | None, new: Snapshot, principal: Principal
    ) -> Change:
        """The same from decisions on every row in memory."""
        seen = Counter[str]()
        fields: dict[str, Counter[str]] = {}
        for row in self.rows[entity]:
            before = old is not None and old.decide(principal, entity, row, self.now)
            after = new.decide(principal, entity, row, self.now)
            seen["gained"] += after and not before
            seen["lost"] += before and not after
            if old is None or not (before and after):
                continue
            was = old.masks_for(principal, entity, row, self.now)
            now = new.masks_for(principal, entity, row, self.now)
            for name in was.keys() | now.keys():
                counts = fields.setdefault(name, Counter())
                counts["unmasked"] += name not in now
                counts["masked"] += name not in was
                counts["changed"] += name in was and name in now and was[name] != now[name]
        changes = {name: FieldChange(**counts) for name, counts in fields.items()}
        return Change(
            seen["gained"], seen["lost"], {n: each for n, each in changes.items() if each}
        )


@contextmanager
def reading(url: str, tenant: str) -> Iterator[Connection]:
    """A read-only connection as the query role, behind the second wall."""
    options = f"-c role={QUERY_ROLE} -c default_transaction_read_only=on"
    engine = create_engine(url, connect_args={"options": options, "connect_timeout": 10})
    with engine.connect() as connection:
        connection.execute(text("SELECT set_config('remit.tenant', :t, true)"), {"t": tenant})
        yield connection
    engine.dispose()


def changes_of(found: Preview) -> dict[tuple[str, Principal], Change]:
    """What the preview says, by entity and principal."""
    return {
        (entity.entity, each.principal): each.change
        for entity in found.entities
        for each in entity.affected
    }

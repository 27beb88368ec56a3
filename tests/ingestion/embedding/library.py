"""Tickets with texts, and what can be asked of their chunks: what the tests of embeddings use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text

from index.database import Database
from index.embedding import Backlog, backlog, begin_model
from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.writer import register_source
from ingestion.embedding import Embedded, EmbeddingJob
from ingestion.embedding.job import LoadEncoder

TENANT = "ours"
_IDS = UUID("6f0a4a70-0000-5000-8000-000000000000")


def ticket_id(name: str) -> UUID:
    """The id of the ticket of that name."""
    return uuid5(_IDS, name)


@dataclass
class Library:
    """A database with tickets."""

    database: Database
    tables: EntityTables
    load: LoadEncoder

    def put(self, subjects: Mapping[str, str], **values: Any) -> None:
        """Write tickets, by name and subject."""
        rows = [
            {
                "tenant_id": TENANT,
                "id": ticket_id(name),
                "source": "desk",
                "stream": "tickets",
                "remote_id": name,
                "synced_at": datetime(2026, 11, 1, tzinfo=UTC),
                "subject": subject,
                **values,
            }
            for name, subject in subjects.items()
        ]
        with self.database.writing() as connection:
            register_source(connection, TENANT, "desk", "zendesk")
            upsert_rows(connection, self.tables, "ticket", rows)

    def job(self, load: LoadEncoder | None = None, **options: Any) -> EmbeddingJob:
        return EmbeddingJob(self.database, self.tables, load or self.load, **options)

    def embed(self) -> Embedded:
        """Embed all that is due; returns what was done."""
        job = self.job(lease=timedelta(milliseconds=1))
        job.run(Event())
        return job.done

    def use(self, name: str, path: str | None) -> None:
        encoder = self.load(name, path)
        begin_model(self.database, name, path, encoder.dimensions, encoder.fingerprint)

    def backlog(self) -> Backlog:
        with self.database.writing() as connection:
            return backlog(connection)

    def states(self) -> dict[str, tuple[str, int, int]]:
        """State, embedded and due of each model."""
        return {
            each.model.name: (each.model.state, each.embedded, each.due)
            for each in self.backlog().models
        }

    def one(self, statement: str) -> Any:
        with self.database.writing() as connection:
            return connection.execute(text(statement)).scalar_one()

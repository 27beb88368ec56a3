"""Core tables for finding texts by what they mean: chunks, their embeddings, and what is still due.

A chunk says where in a field its text stands and does not repeat it, so a text is held once, and
what is erased from the row is erased. Nothing that changes often lives in the row of a vector.
"""

from __future__ import annotations

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from index.tables import metadata, moment

chunk = Table(
    "chunk",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("chunk_id", BigInteger, Identity(always=True), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("row_id", Uuid, nullable=False),
    Column("field", Text, nullable=False, comment="one chunk is of one field"),
    Column("part", Integer, nullable=False, comment="0, 1, 2 … of the field's text"),
    Column("begins", Integer, nullable=False, comment="at which character, from 0"),
    Column("length", Integer, nullable=False, comment="in characters"),
    Column("text_hash", LargeBinary, nullable=False, comment="equal texts are embedded once"),
    UniqueConstraint("tenant_id", "entity", "row_id", "field", "part", name="chunk_place_key"),
    Index(None, "tenant_id", "text_hash"),
    comment="always of the text that the row has now: a changed one loses its chunks at once",
)

chunk_due = Table(
    "chunk_due",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("row_id", Uuid, primary_key=True),
    comment="rows with texts that are to be cut; written by the trigger that watches them",
)

embedding_model = Table(
    "embedding_model",
    metadata,
    Column("model_id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("path", Text, comment="of its folder; null: from an installed package"),
    Column("dimensions", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="building, serving or retired"),
    Column("fingerprint", Text, comment="of its files; null until a process has loaded it"),
    Column("problem", Text, comment="why a process could not embed; null since one did"),
    Column("rate", Double, comment="chunks that one process embedded a second, lately"),
    moment("created_at", nullable=False, server_default=text("now()")),
    moment("served_at", comment="since when it serves, or served"),
    CheckConstraint("state IN ('building', 'serving', 'retired')", name="embedding_model_state"),
    UniqueConstraint("name"),
    Index(
        "embedding_model_active_ix",
        "state",
        unique=True,
        postgresql_where=text("state <> 'retired'"),
    ),
    comment="of the installation: one serves, and one is built beside it at most",
)

embedding = Table(
    "embedding",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("chunk_id", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", Integer, primary_key=True, autoincrement=False),
    Column(
        "vector",
        HALFVEC,
        nullable=False,
        comment="of length 1, or all zeros of a text that the model makes nothing of",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "chunk_id"], ["chunk.tenant_id", "chunk.chunk_id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["model_id"], ["embedding_model.model_id"]),
)

embedding_due = Table(
    "embedding_due",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("chunk_id", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", Integer, primary_key=True, autoincrement=False),
    moment("taken_until", comment="some process is at it until then"),
    ForeignKeyConstraint(
        ["tenant_id", "chunk_id"], ["chunk.tenant_id", "chunk.chunk_id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["model_id"], ["embedding_model.model_id"]),
    Index(None, "model_id", "chunk_id"),
)

embedding_pause = Table(
    "embedding_pause",
    metadata,
    Column("single", Integer, primary_key=True, autoincrement=False, server_default=text("1")),
    moment("paused_at", nullable=False, server_default=text("now()")),
    CheckConstraint("single = 1", name="embedding_pause_single"),
    comment="a row while nothing is to be embedded, on any machine",
)

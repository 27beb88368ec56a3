"""embeddings: chunks of texts, their vectors by model, and what is due

Revision: 0004, after 0003, 2026-11-21 22:10:00.000000.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# As of this revision: what the query role may read, column by column. Not the hashes of texts:
# they would tell who guesses a text that it is there.
READABLE = {
    "chunk": "tenant_id, chunk_id, entity, row_id, field, part, begins, length",
    "embedding": "tenant_id, chunk_id, model_id, vector",
}
VECTOR = "of length 1, or all zeros of a text that the model makes nothing of"
NOW = sa.text("now()")


def moment(name: str, **options: object) -> sa.Column:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), **options)


def text(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.Text(), **options)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _create_chunks()
    _create_models()
    _create_embeddings()
    _create_trigger_function()
    _wall_in_the_query_role()


def _create_chunks() -> None:
    op.create_table(
        "chunk",
        text("tenant_id", nullable=False),
        sa.Column("chunk_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        text("entity", nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        text("field", nullable=False, comment="one chunk is of one field"),
        sa.Column("part", sa.Integer(), nullable=False, comment="0, 1, 2 … of the field's text"),
        sa.Column("begins", sa.Integer(), nullable=False, comment="at which character, from 0"),
        sa.Column("length", sa.Integer(), nullable=False, comment="in characters"),
        sa.Column(
            "text_hash", sa.LargeBinary(), nullable=False, comment="equal texts are embedded once"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "chunk_id", name=op.f("chunk_pkey")),
        sa.UniqueConstraint(
            "tenant_id", "entity", "row_id", "field", "part", name="chunk_place_key"
        ),
        schema="remit",
        comment="always of the text that the row has now: a changed one loses its chunks at once",
    )
    op.create_index(
        op.f("chunk_tenant_id_text_hash_ix"), "chunk", ["tenant_id", "text_hash"], schema="remit"
    )
    op.create_table(
        "chunk_due",
        text("tenant_id", nullable=False),
        text("entity", nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "row_id", name=op.f("chunk_due_pkey")),
        schema="remit",
        comment="rows with texts that are to be cut; written by the trigger that watches them",
    )


def _create_models() -> None:
    op.create_table(
        "embedding_model",
        sa.Column("model_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        text("name", nullable=False),
        text("path", comment="of its folder; null: from an installed package"),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        text("state", nullable=False, comment="building, serving or retired"),
        sa.Column("rate", sa.Double(), comment="chunks that one process embedded a second, lately"),
        moment("created_at", server_default=NOW, nullable=False),
        moment("served_at", comment="since when it serves, or served"),
        sa.CheckConstraint(
            "state IN ('building', 'serving', 'retired')", name="embedding_model_state"
        ),
        sa.PrimaryKeyConstraint("model_id", name=op.f("embedding_model_pkey")),
        sa.UniqueConstraint("name", name=op.f("embedding_model_name_key")),
        schema="remit",
        comment="of the installation: one serves, and one is built beside it at most",
    )
    op.create_index(
        "embedding_model_active_ix",
        "embedding_model",
        ["state"],
        unique=True,
        schema="remit",
        postgresql_where=sa.text("state <> 'retired'"),
    )
    op.create_table(
        "embedding_pause",
        sa.Column("single", sa.Integer(), server_default=sa.text("1"), nullable=False),
        moment("paused_at", server_default=NOW, nullable=False),
        sa.CheckConstraint("single = 1", name="embedding_pause_single"),
        sa.PrimaryKeyConstraint("single", name=op.f("embedding_pause_pkey")),
        schema="remit",
        comment="a row while nothing is to be embedded, on any machine",
    )


def _create_embeddings() -> None:
    for table, column in (
        ("embedding", sa.Column("vector", HALFVEC(), nullable=False, comment=VECTOR)),
        ("embedding_due", moment("taken_until", comment="some process is at it until then")),
    ):
        op.create_table(
            table,
            text("tenant_id", nullable=False),
            sa.Column("chunk_id", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("model_id", sa.Integer(), autoincrement=False, nullable=False),
            column,
            sa.ForeignKeyConstraint(
                ["tenant_id", "chunk_id"],
                ["remit.chunk.tenant_id", "remit.chunk.chunk_id"],
                name=op.f(f"{table}_tenant_id_chunk_id_fkey"),
                ondelete="CASCADE",
            ),
            sa.ForeignKeyConstraint(
                ["model_id"],
                ["remit.embedding_model.model_id"],
                name=op.f(f"{table}_model_id_fkey"),
            ),
            sa.PrimaryKeyConstraint(
                "tenant_id", "chunk_id", "model_id", name=op.f(f"{table}_pkey")
            ),
            schema="remit",
        )
    op.create_index(
        op.f("embedding_due_model_id_chunk_id_ix"),
        "embedding_due",
        ["model_id", "chunk_id"],
        schema="remit",
    )


def _create_trigger_function() -> None:
    # Called once a statement that writes an entity table, with the names of the fields to watch.
    # The order matters: a row that is due is locked first, which waits for whoever is cutting it;
    # the statement after that sees the chunks that were made, and removes them.
    op.execute(
        """
        CREATE FUNCTION remit.note_texts() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp AS $$
        DECLARE
            texts text;
            differs text;
            outdated text;
            some_due boolean := false;
            some_gone boolean := false;
        BEGIN
            SELECT string_agg(format('held.%I', field), ', '),
                string_agg(format('was.%1$I IS DISTINCT FROM held.%1$I', field), ' OR '),
                string_agg(format('(chunk.field = %1$L AND was.%1$I IS DISTINCT FROM held.%1$I)',
                    field), ' OR ')
                INTO texts, differs, outdated
                FROM unnest(TG_ARGV) AS field;
            IF TG_OP = 'INSERT' THEN
                EXECUTE format(
                    'INSERT INTO remit.chunk_due (tenant_id, entity, row_id)
                    SELECT tenant_id, %L, id FROM held
                    WHERE deleted_at IS NULL AND coalesce(%s) IS NOT NULL
                    ON CONFLICT (tenant_id, entity, row_id) DO UPDATE SET row_id = excluded.row_id',
                    TG_TABLE_NAME, texts);
            ELSIF TG_OP = 'UPDATE' THEN
                EXECUTE format(
                    'SELECT coalesce(bool_or(held.deleted_at IS NULL), false),
                        coalesce(bool_or(held.deleted_at IS NOT NULL), false)
                    FROM was JOIN held USING (tenant_id, id)
                    WHERE (was.deleted_at IS NULL) <> (held.deleted_at IS NULL)
                        OR held.deleted_at IS NULL AND (%s)', differs)
                    INTO some_due, some_gone;
                IF some_due THEN
                    EXECUTE format(
                        'INSERT INTO remit.chunk_due (tenant_id, entity, row_id)
                        SELECT tenant_id, %L, id FROM was JOIN held USING (tenant_id, id)
                        WHERE held.deleted_at IS NULL AND (was.deleted_at IS NOT NULL OR %s)
                        ON CONFLICT (tenant_id, entity, row_id)
                            DO UPDATE SET row_id = excluded.row_id',
                        TG_TABLE_NAME, differs);
                    EXECUTE format(
                        'DELETE FROM remit.chunk USING was JOIN held USING (tenant_id, id)
                        WHERE chunk.tenant_id = was.tenant_id AND chunk.entity = %L
                            AND chunk.row_id = was.id AND (%s)', TG_TABLE_NAME, outdated);
                END IF;
                IF some_gone THEN
                    DELETE FROM remit.chunk_due USING held
                        WHERE chunk_due.tenant_id = held.tenant_id
                            AND chunk_due.entity = TG_TABLE_NAME
                            AND chunk_due.row_id = held.id AND held.deleted_at IS NOT NULL;
                    DELETE FROM remit.chunk USING held
                        WHERE chunk.tenant_id = held.tenant_id AND chunk.entity = TG_TABLE_NAME
                            AND chunk.row_id = held.id AND held.deleted_at IS NOT NULL;
                END IF;
            ELSE
                DELETE FROM remit.chunk_due USING was
                    WHERE chunk_due.tenant_id = was.tenant_id
                        AND chunk_due.entity = TG_TABLE_NAME AND chunk_due.row_id = was.id;
                DELETE FROM remit.chunk USING was
                    WHERE chunk.tenant_id = was.tenant_id AND chunk.entity = TG_TABLE_NAME
                        AND chunk.row_id = was.id;
            END IF;
            RETURN NULL;
        END $$
        """
    )


def _wall_in_the_query_role() -> None:
    for table, columns in READABLE.items():
        op.execute(f"GRANT SELECT ({columns}) ON remit.{table} TO remit_query")
        op.execute(f"ALTER TABLE remit.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant_wall ON remit.{table} FOR SELECT TO remit_query"
            " USING (tenant_id = (SELECT current_setting('remit.tenant', true)))"
        )
    # Which models there are is of the installation and tells nothing of a tenant.
    op.execute(
        "GRANT SELECT (model_id, name, path, dimensions, state) ON remit.embedding_model"
        " TO remit_query"
    )


def downgrade() -> None:
    # With the triggers that call it. The extension may be used by others.
    op.execute("DROP FUNCTION remit.note_texts() CASCADE")
    for table in (
        "embedding_due", "embedding", "embedding_pause", "embedding_model", "chunk_due", "chunk",
    ):  # fmt: skip
        op.drop_table(table, schema="remit")

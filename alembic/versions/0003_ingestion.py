"""ingestion: sources in the database, their secrets and schedules, deletes and drift

Revision: 0003, after 0002, 2026-11-21 18:55:00.000000.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


JSONB = postgresql.JSONB(astext_type=sa.Text())
NOW = sa.text("now()")


def moment(name: str, **options: object) -> sa.Column:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), **options)


def text(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.Text(), **options)


def upgrade() -> None:
    _add_columns()
    _create_tables()
    # Who may see a stream's rows may know how fresh they are.
    op.execute("GRANT SELECT (tried_at) ON remit.stream_state TO remit_query")


def _add_columns() -> None:
    for column in (
        sa.Column(
            "definition", JSONB, comment="as in remit.yaml, secrets by reference; null: from a file"
        ),
        moment("paused_at", comment="when it was paused: no schedule runs it"),
    ):
        op.add_column("source", column, schema="remit")
    for column in (
        moment("tried_at", comment="when a sync last came to an end, good or bad"),
        text("problem", comment="why it does not count as fresh since then; null when it does"),
        sa.Column(
            "run_id", sa.Uuid(), comment="of the sync under way; of one that was killed, if none is"
        ),
    ):
        op.add_column("stream_state", column, schema="remit")
    for column in (
        text("cause", nullable=False, server_default="command", comment="what asked for it"),
        text("worker", comment="the process that runs it, for people"),
    ):
        op.add_column("sync_run", column, schema="remit")
    op.add_column(
        "record",
        moment(
            "deleted_at", comment="when the source had it no more; kept until the retention ends"
        ),
        schema="remit",
    )
    op.create_index(
        "record_deleted_ix",
        "record",
        ["tenant_id", "deleted_at"],
        schema="remit",
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def _create_tables() -> None:
    op.create_table(
        "secret",
        text("tenant_id", nullable=False),
        text("name", nullable=False, comment="settings refer to it as sealed:NAME"),
        text("sealed", nullable=False, comment="encrypted with a key that is not in here"),
        moment("created_at", server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["remit.tenant.tenant_id"], name=op.f("secret_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=op.f("secret_pkey")),
        schema="remit",
    )
    op.create_table(
        "schedule",
        text("tenant_id", nullable=False),
        text("source", nullable=False),
        text("stream", server_default="", nullable=False, comment="empty: all others of it"),
        sa.Column("every_seconds", sa.Integer(), comment="either this"),
        text("cron", comment="or this, in UTC"),
        moment("next_at", nullable=False, comment="when it is due"),
        _source_key("schedule", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "source", "stream", name=op.f("schedule_pkey")),
        schema="remit",
    )
    op.create_table(
        "stream_field",
        text("tenant_id", nullable=False),
        text("source", nullable=False),
        text("stream", nullable=False),
        text("field", nullable=False, comment="a top-level name of its records"),
        moment("first_seen_at", server_default=NOW, nullable=False),
        _source_key("stream_field", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "source", "stream", "field", name=op.f("stream_field_pkey")
        ),
        schema="remit",
        comment="what a stream's records have had, so that a new field is noticed",
    )
    op.create_table(
        "erasure",
        text("tenant_id", nullable=False),
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        text("subject_hash", nullable=False, comment="of the address: who knows it finds this"),
        text("actor", nullable=False),
        text("reason", nullable=False),
        sa.Column("removed", JSONB, nullable=False, comment="how many, by kind: the receipt"),
        moment("at", server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["remit.tenant.tenant_id"], name=op.f("erasure_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "erasure_id", name=op.f("erasure_pkey")),
        schema="remit",
    )
    op.create_table(
        "erased_row",
        text("tenant_id", nullable=False),
        sa.Column(
            "row_id", sa.Uuid(), nullable=False, comment="of source, stream and key: tells none"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["remit.tenant.tenant_id"], name=op.f("erased_row_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "row_id", name=op.f("erased_row_pkey")),
        schema="remit",
        comment="what was erased for good: no sync and no live read writes it again",
    )


def _source_key(table: str, **options: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "source"],
        ["remit.source.tenant_id", "remit.source.name"],
        name=op.f(f"{table}_tenant_id_source_fkey"),
        **options,
    )


def downgrade() -> None:
    for table in ("erased_row", "erasure", "stream_field", "schedule", "secret"):
        op.drop_table(table, schema="remit")
    op.drop_index("record_deleted_ix", table_name="record", schema="remit")
    op.drop_column("record", "deleted_at", schema="remit")
    for column in ("worker", "cause"):
        op.drop_column("sync_run", column, schema="remit")
    for column in ("run_id", "problem", "tried_at"):
        op.drop_column("stream_state", column, schema="remit")
    for column in ("paused_at", "definition"):
        op.drop_column("source", column, schema="remit")

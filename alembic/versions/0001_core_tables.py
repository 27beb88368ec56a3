"""core tables

Revision: 0001, after , 2026-11-21 09:19:33.411381.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# As of this revision: what the query role may read of the core tables, column by column.
READABLE = {
    "directory": "tenant_id, kind, name, attributes",
    "identity_link": "tenant_id, member_id, customer_id",
    "stream_state": "tenant_id, source, stream, synced_at",
    "tenant": "tenant_id",
}


def upgrade() -> None:
    op.create_table(
        "directory",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="user or agent"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what policies may ask about the caller",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "name", name=op.f("directory_pkey")),
        schema="remit",
    )
    op.create_table(
        "identity_link",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False, comment="a source account"),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "evidence",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="why: [{rule, value, with}]",
        ),
        sa.Column(
            "linked_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "member_id", name=op.f("identity_link_pkey")),
        schema="remit",
    )
    op.create_index(
        op.f("identity_link_tenant_id_customer_id_ix"),
        "identity_link",
        ["tenant_id", "customer_id"],
        unique=False,
        schema="remit",
    )
    op.create_table(
        "rejected_record",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("rejected_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True, comment="null when a live read rejected it"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "raw", sa.Text(), nullable=False, comment="the record as JSON text, so nothing is lost"
        ),
        sa.Column(
            "rejected_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", "rejected_id", name=op.f("rejected_record_pkey")),
        schema="remit",
    )
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("tenant_pkey")),
        schema="remit",
    )
    op.create_table(
        "source",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="what the operator calls it: zendesk-emea"
        ),
        sa.Column("connector", sa.Text(), nullable=False, comment="the vendor kind: zendesk"),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["remit.tenant.tenant_id"], name=op.f("source_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=op.f("source_pkey")),
        schema="remit",
    )
    op.create_table(
        "record",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="the source's own primary key"),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as the source sent it",
        ),
        sa.Column(
            "content_hash",
            sa.LargeBinary(),
            nullable=False,
            comment="of the canonical JSON of data",
        ),
        sa.Column(
            "updated_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="the source's own modification time: older never replaces newer",
        ),
        sa.Column(
            "synced_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=False,
            comment="when the content last changed here",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source"],
            ["remit.source.tenant_id", "remit.source.name"],
            name=op.f("record_tenant_id_source_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "source", "stream", "key", name=op.f("record_pkey")),
        schema="remit",
    )
    op.create_table(
        "stream_state",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "state",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="the Airbyte STATE; null until the source has sent one",
        ),
        sa.Column(
            "synced_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when a sync last read the stream to its end",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source"],
            ["remit.source.tenant_id", "remit.source.name"],
            name=op.f("stream_state_tenant_id_source_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "source", "stream", name=op.f("stream_state_pkey")),
        schema="remit",
    )
    op.create_table(
        "sync_run",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "finished_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="null while it runs, or when it was killed",
        ),
        sa.Column(
            "report",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="per stream: read, written, unchanged, rejected, error",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source"],
            ["remit.source.tenant_id", "remit.source.name"],
            name=op.f("sync_run_tenant_id_source_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", name=op.f("sync_run_pkey")),
        schema="remit",
    )
    _wall_in_the_query_role()


def _wall_in_the_query_role() -> None:
    # Roles belong to the whole server, so another database of it may have made this one already.
    op.execute(
        """
        DO $$ BEGIN
            CREATE ROLE remit_query NOLOGIN NOSUPERUSER NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
    op.execute("GRANT remit_query TO CURRENT_USER")
    op.execute("GRANT USAGE ON SCHEMA remit TO remit_query")
    for table, columns in READABLE.items():
        op.execute(f"GRANT SELECT ({columns}) ON remit.{table} TO remit_query")
        op.execute(f"ALTER TABLE remit.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant_wall ON remit.{table} FOR SELECT TO remit_query"
            " USING (tenant_id = (SELECT current_setting('remit.tenant', true)))"
        )


def downgrade() -> None:
    op.drop_table("sync_run", schema="remit")
    op.drop_table("stream_state", schema="remit")
    op.drop_table("record", schema="remit")
    op.drop_table("source", schema="remit")
    op.drop_table("tenant", schema="remit")
    op.drop_table("rejected_record", schema="remit")
    op.drop_index(
        op.f("identity_link_tenant_id_customer_id_ix"), table_name="identity_link", schema="remit"
    )
    op.drop_table("identity_link", schema="remit")
    op.drop_table("directory", schema="remit")

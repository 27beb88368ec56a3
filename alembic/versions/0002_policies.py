"""policies: versions, their history, the one in force, and the one tried beside it

Revision: 0002, after 0001, 2026-11-21 12:40:00.000000.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# As of this revision: what the query role may read of the new tables, column by column.
READABLE = {
    "policy_in_force": "tenant_id, version, published_at",
    "policy_shadow": "tenant_id, version, started_at, expires_at",
    "policy_version": "tenant_id, version, documents, hash",
}
NEVER_CHANGED = ("policy_version", "policy_event")


def upgrade() -> None:
    op.create_table(
        "policy_version",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column(
            "version",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="1, 2, 3 … a tenant",
        ),
        sa.Column(
            "parent", sa.Integer(), nullable=True, comment="the version that it was made from"
        ),
        sa.Column(
            "documents",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="YAML texts by file name",
        ),
        sa.Column(
            "hash", sa.Text(), nullable=False, comment="of the documents: equal when they are equal"
        ),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "parent"],
            ["remit.policy_version.tenant_id", "remit.policy_version.version"],
            name=op.f("policy_version_tenant_id_parent_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["remit.tenant.tenant_id"], name=op.f("policy_version_tenant_id_fkey")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "version", name=op.f("policy_version_pkey")),
        schema="remit",
        comment="never changed: a trigger refuses it",
    )
    op.create_table(
        "policy_event",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "kind", sa.Text(), nullable=False, comment="drafted, tested, approved, published …"
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "evidence",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what the step found: tests, preview, proof",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "version"],
            ["remit.policy_version.tenant_id", "remit.policy_version.version"],
            name=op.f("policy_event_tenant_id_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "event_id", name=op.f("policy_event_pkey")),
        schema="remit",
        comment="never changed: a trigger refuses it",
    )
    op.create_index(
        op.f("policy_event_tenant_id_version_ix"),
        "policy_event",
        ["tenant_id", "version"],
        unique=False,
        schema="remit",
    )
    op.create_table(
        "policy_in_force",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "published_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "version"],
            ["remit.policy_version.tenant_id", "remit.policy_version.version"],
            name=op.f("policy_in_force_tenant_id_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("policy_in_force_pkey")),
        schema="remit",
    )
    op.create_table(
        "policy_shadow",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="tried beside the one in force"),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "version"],
            ["remit.policy_version.tenant_id", "remit.policy_version.version"],
            name=op.f("policy_shadow_tenant_id_version_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("policy_shadow_pkey")),
        schema="remit",
    )
    op.create_table(
        "policy_shadow_difference",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False, comment="gained, lost, masked or unmasked"),
        sa.Column(
            "field", sa.Text(), server_default="", nullable=False, comment="of a mask, else empty"
        ),
        sa.Column("user_name", sa.Text(), nullable=False, comment="empty for an agent on its own"),
        sa.Column(
            "agent_name", sa.Text(), server_default="", nullable=False, comment="empty for no agent"
        ),
        sa.Column("seen", sa.BigInteger(), nullable=False, comment="how often"),
        sa.Column("first_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "version"],
            ["remit.policy_version.tenant_id", "remit.policy_version.version"],
            name=op.f("policy_shadow_difference_tenant_id_version_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "version",
            "entity",
            "row_id",
            "change",
            "field",
            "user_name",
            "agent_name",
            name=op.f("policy_shadow_difference_pkey"),
        ),
        schema="remit",
    )

    _refuse_changes()
    _wall_in_the_query_role()


def _refuse_changes() -> None:
    # Once a statement, so that a statement that meets no row is refused alike.
    op.execute(
        """
        CREATE FUNCTION remit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'remit.% is never changed: % is refused; add a new row instead',
                TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
        END $$
        """
    )
    for table in NEVER_CHANGED:
        op.execute(
            f"CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON remit.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION remit.refuse_change()"
        )


def _wall_in_the_query_role() -> None:
    for table, columns in READABLE.items():
        op.execute(f"GRANT SELECT ({columns}) ON remit.{table} TO remit_query")
        op.execute(f"ALTER TABLE remit.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY tenant_wall ON remit.{table} FOR SELECT TO remit_query"
            " USING (tenant_id = (SELECT current_setting('remit.tenant', true)))"
        )


def downgrade() -> None:
    op.drop_table("policy_shadow_difference", schema="remit")
    op.drop_table("policy_shadow", schema="remit")
    op.drop_table("policy_in_force", schema="remit")
    op.drop_index(
        op.f("policy_event_tenant_id_version_ix"), table_name="policy_event", schema="remit"
    )
    op.drop_table("policy_event", schema="remit")
    op.drop_table("policy_version", schema="remit")

    op.execute("DROP FUNCTION remit.refuse_change()")

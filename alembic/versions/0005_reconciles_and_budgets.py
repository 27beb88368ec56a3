"""reconciles on a schedule, and one budget of requests for each source

Revision: 0005, after 0004, 2026-11-21 22:10:00.000000.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SCHEDULE_KEY = ["tenant_id", "source", "stream"]


def moment(name: str, **options: object) -> sa.Column:
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), **options)


def upgrade() -> None:
    op.add_column(
        "schedule",
        sa.Column(
            "reconcile",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="reads all of it, to find what is gone",
        ),
        schema="remit",
    )
    _key_schedules_by([*_SCHEDULE_KEY, "reconcile"])
    for column in (
        moment("reconciled_at", comment="when all of it was last read to find what is gone"),
        sa.Column(
            "reconcile_problem", sa.Text(), comment="why that found nothing out; null when it did"
        ),
    ):
        op.add_column("stream_state", column, schema="remit")
    op.create_table(
        "request_budget",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        moment("full_at", nullable=False, comment="when it is whole again if nobody takes of it"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source"],
            ["remit.source.tenant_id", "remit.source.name"],
            name=op.f("request_budget_tenant_id_source_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "source", name=op.f("request_budget_pkey")),
        schema="remit",
        prefixes=["UNLOGGED"],
        comment="requests to a source, of all machines; a crash may forget it",
    )


def downgrade() -> None:
    op.drop_table("request_budget", schema="remit")
    for column in ("reconcile_problem", "reconciled_at"):
        op.drop_column("stream_state", column, schema="remit")
    op.execute("DELETE FROM remit.schedule WHERE reconcile")
    _key_schedules_by(_SCHEDULE_KEY)
    op.drop_column("schedule", "reconcile", schema="remit")


def _key_schedules_by(columns: list[str]) -> None:
    op.drop_constraint("schedule_pkey", "schedule", schema="remit", type_="primary")
    op.create_primary_key("schedule_pkey", "schedule", columns, schema="remit")

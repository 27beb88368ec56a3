"""which files a model's vectors are made by, and what keeps a process from embedding

Revision: 0006, after 0005, 2026-11-22 01:50:00.000000.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = {
    "fingerprint": "of its files; null until a process has loaded it",
    "problem": "why a process could not embed; null since one did",
}


def upgrade() -> None:
    for name, comment in COLUMNS.items():
        column = sa.Column(name, sa.Text(), comment=comment)
        op.add_column("embedding_model", column, schema="remit")


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("embedding_model", name, schema="remit")

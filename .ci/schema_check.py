"""`alembic check` on a scratch database: do the migrations make the tables that the code has?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from alembic.config import main as alembic

from index.embedded import embedded_database

with tempfile.TemporaryDirectory(prefix="remit-check-") as scratch:
    Path(scratch).chmod(0o755)  # the bundled Postgres may run as another user
    with embedded_database(Path(scratch)) as url:
        os.environ["REMIT_DATABASE_URL"] = url
        alembic(["--raiseerr", "upgrade", "head"])
        alembic(["--raiseerr", "check"])

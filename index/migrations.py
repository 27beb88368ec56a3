"""Bring a database to the newest core schema: `alembic upgrade head`, from checkout or wheel."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from index.errors import ConfigurationError

# `alembic/` beside the rooms in a checkout, `remit/migrations` in the wheel.
_PLACES = ("alembic", "migrations")


def migrate(connection: Connection) -> None:
    """Upgrade the core tables within the connection's transaction."""
    root = Path(__file__).resolve().parent.parent
    for place in _PLACES:
        if (root / place / "env.py").exists():
            config = Config()
            config.set_main_option("script_location", str(root / place))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return
    raise ConfigurationError(
        f"The migrations are missing beside {root}: the installation is incomplete; install remit"
        " again."
    )

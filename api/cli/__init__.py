"""The `remit` command."""

from __future__ import annotations

from api.cli.main import run

__all__ = ["run"]

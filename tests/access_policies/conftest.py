"""The hostile rows of the predicate tests, for tests of whole policies."""

from __future__ import annotations

from tests.index.predicate.conftest import hostile_rows

__all__ = ["hostile_rows"]

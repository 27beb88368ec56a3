"""Erasing one person: what is theirs leaves the index for good, with a receipt."""

from __future__ import annotations

from ingestion.erasure.job import Erased, erase, preview_erasure
from ingestion.erasure.mappings import Mapped, known_sources, read_mappings
from ingestion.erasure.receipt import Receipt, Unsearched
from ingestion.erasure.tenant_rows import HeldRow

__all__ = [
    "Erased",
    "HeldRow",
    "Mapped",
    "Receipt",
    "Unsearched",
    "erase",
    "known_sources",
    "preview_erasure",
    "read_mappings",
]

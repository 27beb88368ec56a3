"""The job that cuts and embeds texts, in the background."""

from __future__ import annotations

from ingestion.embedding.job import Embedded, EmbeddingJob

__all__ = ["Embedded", "EmbeddingJob"]

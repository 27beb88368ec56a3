"""Embeddings: the models, what is due for each, and the texts that are nearest to a vector."""

from __future__ import annotations

from index.embedding.backlog import (
    Backlog,
    Waiting,
    backlog,
    claim,
    is_anything_due,
    note_problem,
    release,
    store,
)
from index.embedding.encoder import Encoder, load_encoder, missing_package
from index.embedding.fingerprint import keep_fingerprint
from index.embedding.models import (
    EmbeddingModel,
    active_models,
    all_models,
    begin_model,
    drop_model,
    finish_model,
    has_tables,
    is_paused,
    pause,
    resume,
)
from index.embedding.nearest import Hit, VisibleTexts, nearest, serving_model

__all__ = [
    "Backlog",
    "EmbeddingModel",
    "Encoder",
    "Hit",
    "VisibleTexts",
    "Waiting",
    "active_models",
    "all_models",
    "backlog",
    "begin_model",
    "claim",
    "drop_model",
    "finish_model",
    "has_tables",
    "is_anything_due",
    "is_paused",
    "keep_fingerprint",
    "load_encoder",
    "missing_package",
    "nearest",
    "note_problem",
    "pause",
    "release",
    "resume",
    "serving_model",
    "store",
]

"""Cutting and embedding what is due, a batch at a time.

Kill it anywhere and run it again, or run it on several machines at once: what is due stands in the
database, and each batch is committed whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from socket import gethostname
from threading import Event

from sqlalchemy import Connection, text

from index.chunks import cut_due
from index.database import Database
from index.embedding import (
    EmbeddingModel,
    Encoder,
    Waiting,
    active_models,
    begin_model,
    claim,
    finish_model,
    is_paused,
    keep_fingerprint,
    note_problem,
    release,
    store,
)
from index.embedding.encoder import PACKAGED
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from ingestion.embedding.patience import ends_process

log = logging.getLogger("remit.embedding")

ROWS = 200  # cut in one transaction
BATCH = 64  # chunks embedded between two transactions
LEASE = timedelta(minutes=2)  # how long a batch is left to the process that took it
PATIENCE = timedelta(minutes=15)  # with a batch, or with loading a model, which take seconds

# A sync that changes a row waits while it is being cut; so a process that stands still lets go.
_SHORT = text("SET LOCAL idle_in_transaction_session_timeout = '5s'")

LoadEncoder = Callable[[str, str | None], Encoder]
"""Loads the model of that name from the folder, or from its package. Raises ConfigurationError."""


@dataclass
class Embedded:
    """What was done."""

    rows: int = 0  # whose texts were cut
    chunks: int = 0  # made of them
    encoded: int = 0  # texts that went through a model
    reused: int = 0  # chunks that got the vector of an equal text


class EmbeddingJob:
    """Embeds for all tenants, by the model that serves and by the one that is being built."""

    def __init__(
        self,
        database: Database,
        tables: EntityTables,
        load_encoder: LoadEncoder,
        *,
        batch: int = BATCH,
        lease: timedelta = LEASE,
        patience: timedelta = PATIENCE,
    ) -> None:
        """A model is loaded when the first text is due for it. Until one was chosen, the packaged
        one is used. When a model does not come back within `patience`, the process ends."""
        self._database = database
        self._tables = tables
        self._load = load_encoder
        self._batch = batch
        self._lease = lease
        self._patience = patience
        self._encoders: dict[int, Encoder] = {}
        self._absent: set[int] = set()
        self.done = Embedded()

    def run(self, stopping: Event, progress: Callable[[Embedded], None] | None = None) -> None:
        """Go on until nothing is left that nobody else is at, or until paused or told to stop.

        Raises ConfigurationError when no model was chosen and the packaged one is missing, and
        Unavailable when the database does not answer.
        """
        self._ensure_model()
        while not stopping.is_set() and self._step():
            if progress is not None:
                progress(self.done)

    def _ensure_model(self) -> None:
        with self._database.writing() as connection:
            if active_models(connection):
                return
        with ends_process(self._patience.total_seconds(), _tell_unloaded):
            encoder = self._load(PACKAGED, None)
        model = begin_model(self._database, PACKAGED, None, encoder.dimensions, encoder.fingerprint)
        self._encoders[model.id] = encoder

    def _step(self) -> bool:
        """Do one batch of each kind; returns whether there was anything to do."""
        with self._database.writing() as connection:
            if is_paused(connection):
                return False
            models = active_models(connection)
        rows = self._cut()
        for model in models:
            if model.id not in self._absent and self._embed(model):
                return True
        if rows:
            return True
        return any(self._finish(model) for model in models)

    def _cut(self) -> int:
        with self._database.writing() as connection:
            connection.execute(_SHORT)
            cut = cut_due(connection, self._tables, limit=ROWS)
        self.done.rows += cut.rows
        self.done.chunks += cut.chunks
        return cut.rows

    def _embed(self, model: EmbeddingModel) -> bool:
        """Embed a batch; no transaction is open while the model is at work."""
        with self._database.writing() as connection:
            taken = self._claim(connection, model)
        if not taken:
            return False
        new = {one.text_hash: one.text for one in taken if one.vector is None}
        vectors: Mapping[bytes, str] = {}
        rate = None
        if new:
            try:
                with self._watched(model, "to load"):
                    encoder = self._encoder(model)
            except ConfigurationError as error:
                log.warning("Not embedded by %s: %s", model.name, error)
                self._absent.add(model.id)
                with self._database.writing() as connection:
                    release(connection, model, taken)
                    note_problem(connection, model, f"{_HOST}: {error}")
                return False
            began = time.monotonic()
            with self._watched(model, f"with {len(new)} texts"):
                vectors = _encode(model, encoder, new)
            rate = len(new) / max(time.monotonic() - began, 1e-6)
        made = [(one, one.vector or vectors[one.text_hash]) for one in taken]
        with self._database.writing() as connection:
            connection.execute(_SHORT)
            store(connection, model, made, rate=rate)
        self.done.encoded += len(new)
        self.done.reused += len(taken) - len(new)
        return True

    def _claim(self, connection: Connection, model: EmbeddingModel) -> list[Waiting]:
        connection.execute(_SHORT)
        return claim(connection, self._tables, model, limit=self._batch, lease=self._lease)

    def _encoder(self, model: EmbeddingModel) -> Encoder:
        """The model, loaded once. Raises ConfigurationError when this machine has not got it."""
        if model.id not in self._encoders:
            encoder = self._load(model.name, model.path)
            if encoder.dimensions != model.dimensions:
                raise ConfigurationError(
                    f"{model.path or 'the package'} makes vectors of {encoder.dimensions} numbers"
                    f" here, and the index has {model.dimensions}: it is another model. Put the"
                    " same one on all machines."
                )
            with self._database.writing() as connection:
                held = keep_fingerprint(connection, model.id, encoder.fingerprint)
            if held != encoder.fingerprint:
                raise ConfigurationError(
                    f"{model.path or 'The package'} has other files here than those that the index"
                    " was made by, and vectors of two models do not compare. Put the same files"
                    " back, or build the new ones as another model: `remit embedding use NAME"
                    " --path FOLDER`."
                )
            self._encoders[model.id] = encoder
        return self._encoders[model.id]

    def _watched(self, model: EmbeddingModel, doing: str) -> AbstractContextManager[None]:
        """Ends the process when the model does not come back."""
        seconds = self._patience.total_seconds()
        problem = f"it did not come back within {seconds:g} s {doing}, and that process was ended"

        def tell() -> None:
            log.error("%s: %s.", model.name, problem)
            with self._database.writing() as connection:
                note_problem(connection, model, f"{_HOST}: {problem}.")

        return ends_process(seconds, tell)

    def _finish(self, model: EmbeddingModel) -> bool:
        """Index and perhaps swap a model of which nothing is due; returns whether to go on."""
        with self._database.writing() as connection:
            due = connection.execute(_ANY_DUE, {"model": model.id}).scalar_one()
        return not due and finish_model(self._database, model)


def _tell_unloaded() -> None:
    log.error("%s could not be loaded in time: this process is ended.", PACKAGED)


def _encode(
    model: EmbeddingModel, encoder: Encoder, texts: Mapping[bytes, str]
) -> Mapping[bytes, str]:
    """The vector of each text, by its hash, as Postgres reads it.

    One that has something else than numbers in it becomes zeros, or it would be tried for ever.
    """
    vectors = encoder.encode(list(texts.values()))
    strange = [at for at, vector in enumerate(vectors) if not all(map(isfinite, vector))]
    for at in strange:
        vectors[at] = [0.0] * model.dimensions
    if strange:
        log.warning(
            "%s makes nothing of %d texts, which are not found by what they mean.",
            model.name,
            len(strange),
        )
    return {
        key: f"[{','.join(map(str, vector))}]" for key, vector in zip(texts, vectors, strict=True)
    }


_HOST = gethostname()
_ANY_DUE = text("SELECT EXISTS (SELECT FROM remit.embedding_due WHERE model_id = :model)")

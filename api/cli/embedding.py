"""`remit embedding`: what is due, by which models, and the process that embeds it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.cli.migrated import Tables, migrated_connection, open_migrated
from api.cli.screen import counting, log_to_stderr, remark, tell
from api.installation import open_model
from api.settings import Settings
from index.database import Database
from index.embedding import (
    active_models,
    backlog,
    begin_model,
    drop_model,
    has_tables,
    is_anything_due,
    load_encoder,
    missing_package,
    pause,
    resume,
)
from index.embedding.backlog import Backlog, ModelBacklog
from index.entity_tables import EntityTables
from ingestion.embedding import Embedded, EmbeddingJob

_TABLES = Tables("embeddings", has_tables)
_LOOK = 2.0  # seconds between two looks at whether something is due
_IDLE = 60.0  # seconds without anything, until the process gives back the model's memory
_LAST = 19  # everything else on the machine goes before


def print_status(settings: Settings) -> None:
    """Print what is due and what is done."""
    with migrated_connection(settings, _TABLES) as connection:
        found = backlog(connection)
    missing = missing_package()
    if missing is not None:
        remark(f"On this machine, {missing}.")
    elif not settings.embedding:
        remark("On this machine, workers do not embed: REMIT_EMBEDDING is false.")
    tell(_status(found))


def _status(found: Backlog) -> Iterator[str]:
    if found.paused:
        yield "paused: `remit embedding resume` lets it go on"
    yield f"rows whose texts are to be cut: {found.rows:,}"
    for each in found.models:
        yield f"{each.model.name}, {_standing(each)}"
        if each.problem is not None and each.model.state != "retired":
            yield f"  not embedded lately: {each.problem}"
    if not found.models:
        yield "no model yet: the first process that embeds begins with the packaged one"


def _standing(each: ModelBacklog) -> str:
    standing = f"{each.model.state}: {each.embedded:,} chunks embedded"
    if each.model.state == "retired":
        return f"{standing}; `remit embedding drop {each.model.name}` removes it"
    standing = f"{standing}, {each.due:,} due"
    if each.due and each.rate is not None and each.time_left is not None:
        standing += f"; about {each.time_left} left, at {each.rate:,.1f} a second and process"
    return standing


def run_pause(settings: Settings) -> None:
    """Pause on all machines."""
    with migrated_connection(settings, _TABLES) as connection:
        pause(connection)
    remark("Paused. What is being embedded at this moment is finished; syncs go on.")


def run_resume(settings: Settings) -> None:
    """Let it go on."""
    with migrated_connection(settings, _TABLES) as connection:
        resume(connection)
    remark("Resumed: a worker goes on, or `remit embedding run`.")


def run_use(settings: Settings, name: str, path: str | None) -> None:
    """Begin to build a model, after it was loaded once to see that it can be used."""
    folder = None if path is None else str(Path(path).resolve())
    with open_migrated(settings, _TABLES) as database:
        encoder = load_encoder(name, folder)
        model = begin_model(database, name, folder, encoder.dimensions, encoder.fingerprint)
        with database.writing() as connection:
            serves = next((m.name for m in active_models(connection) if m.state == "serving"), None)
    if model.state == "serving":
        remark(f"{name} serves.")
    else:
        remark(f"{name} is being built by workers; until it is complete, {serves} serves.")


def run_drop(settings: Settings, name: str) -> None:
    """Remove a model."""
    with (
        open_migrated(settings, _TABLES) as database,
        counting(f"Removing {name}") as count,
    ):
        with database.writing() as connection:
            held = {each.model.name: each for each in backlog(connection).models}
        of = held[name].embedded + held[name].due if name in held else 0
        drop_model(database, name, lambda removed: count(removed, max(of, removed)))
    remark(f"{name} is gone.")


def run_embedding(settings: Settings, *, until_eof: bool = False) -> None:
    """Embed what is due; with `until_eof` as a worker's child, which waits for more a while."""
    log_to_stderr()
    model = open_model(settings)
    with open_migrated(settings, _TABLES) as database:
        tables = EntityTables(model.specs)
        load = partial(load_encoder, threads=settings.embedding_threads)
        job = EmbeddingJob(database, tables, load)
        if until_eof:
            os.nice(_LAST)
            _run_as_child(database, tables, job)
        else:
            _run_once(database, job)


def _run_once(database: Database, job: EmbeddingJob) -> None:
    with database.writing() as connection:
        before = backlog(connection)
    if before.paused:
        remark("It is paused: `remit embedding resume` first.")
        return
    due = sum(each.due for each in before.models)
    at_once = max(1, sum(each.model.state != "retired" for each in before.models))
    with counting("Embedding") as count:

        def show(done: Embedded) -> None:
            count(done.encoded + done.reused, due + done.chunks * at_once)

        began = time.monotonic()
        job.run(threading.Event(), show)
    done = job.done
    spent = timedelta(seconds=round(time.monotonic() - began))
    tell([f"{done.rows:,} rows cut into {done.chunks:,} chunks; {done.encoded:,} texts embedded and"
          f" {done.reused:,} that were known, in {spent}"])  # fmt: skip
    with database.writing() as connection:
        tell(_status(backlog(connection)))


def _run_as_child(database: Database, tables: EntityTables, job: EmbeddingJob) -> None:
    stopping = threading.Event()
    threading.Thread(target=_stop_at_eof, args=(stopping,), daemon=True).start()
    last = time.monotonic()
    while not stopping.is_set() and time.monotonic() - last < _IDLE:
        with database.writing() as connection:
            due = is_anything_due(connection, tables)
        before = replace(job.done)
        if due:
            job.run(stopping)
        if job.done != before:
            last = time.monotonic()
        stopping.wait(_LOOK)


def _stop_at_eof(stopping: threading.Event) -> None:
    """However the worker ended, its end of the pipe is closed."""
    # Not by sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    stopping.set()

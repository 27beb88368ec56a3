"""`remit worker`: syncs when they are due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlalchemy.exc import ProgrammingError

from api.cli.embedding_process import EmbeddingProcess
from api.cli.screen import errors, log_to_stderr
from api.installation import open_database, open_model
from api.ready_sources import find_source
from api.settings import Settings
from index.database import Database
from index.embedding import is_anything_due, missing_package
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from ingestion.schedule.worker import Worker

log = logging.getLogger("remit.worker")

_POLITE = 5  # of 19: requests that are being answered go before the syncs beside them


def run_worker(settings: Settings, *, until_eof: bool = False) -> None:
    """Work until stopped by SIGINT or SIGTERM, or, if told, by the end of standard input."""
    log_to_stderr()
    logging.getLogger("remit.worker").setLevel(logging.INFO)
    model = open_model(settings)
    tables = EntityTables(model.specs)
    with open_database(settings) as database:
        worker = Worker(
            database,
            tables,
            model,
            lambda name: find_source(settings, database, model, name),
            tenant=settings.tenant,
            concurrency=settings.worker_concurrency,
            retention=timedelta(days=settings.retention_days),
        )
        if until_eof:
            os.nice(_POLITE)
        else:
            errors.print(f"Worker {worker.name} is at work; Ctrl-C stops.", markup=False)
        with _embedding(settings, database, tables):
            asyncio.run(_run(worker, until_eof=until_eof))
    if worker.unfinished:
        names = ", ".join(sorted(worker.unfinished))
        errors.print(f"Left unfinished, to be gone on with: {names}.", markup=False)
        # Their threads wait for sources, and the interpreter would wait for them.
        sys.stderr.flush()
        os._exit(0)


def _embedding(
    settings: Settings, database: Database, tables: EntityTables
) -> AbstractContextManager[object]:
    """What embeds beside the worker, if it is to and can."""
    if not settings.embedding:
        return contextlib.nullcontext()
    missing = missing_package()
    if missing is not None:
        log.info("%s", missing)
        return contextlib.nullcontext()

    def is_due() -> bool:
        try:
            with database.writing() as connection:
                return is_anything_due(connection, tables)
        except ProgrammingError as error:
            raise ConfigurationError(
                "Nothing is embedded: the tables for it are missing. Run `remit migrate`, then"
                " start this again."
            ) from error

    return EmbeddingProcess(is_due)


async def _run(worker: Worker, *, until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(worker, loop), daemon=True).start()
    await worker.run()


def _stop_at_eof(worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
    """However the process at the other end of the pipe ended, its end of it is closed."""
    # Not by sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(worker.stop)

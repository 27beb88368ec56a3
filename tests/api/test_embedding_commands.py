"""`remit embedding`, and the process that a worker starts to embed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli.commands import app
from index.chunks import cut_due
from index.database import Database
from index.embedding import begin_model, claim, note_problem, store
from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, InvalidRequest
from index.writer import register_source
from ingestion.schedule.queue_tables import migrate_queue
from semantic_layer import load_model
from tests.api.processes import PATIENCE, environment, processes_of, remit, started, wait_until

TABLES = EntityTables(load_model().specs)


@pytest.fixture
def tickets(database: Database) -> Database:
    """Three tickets, none cut."""
    with database.writing() as connection:
        register_source(connection, "main", "desk", "zendesk")
        rows = [
            {
                "tenant_id": "main",
                "id": uuid4(),
                "source": "desk",
                "stream": "tickets",
                "remote_id": str(number),
                "synced_at": datetime(2026, 11, 1, tzinfo=UTC),
                "subject": f"Question {number}",
            }
            for number in range(3)
        ]
        upsert_rows(connection, TABLES, "ticket", rows)
    return database


@pytest.fixture
def run(tickets: Database, database_url: str, tmp_path: Path) -> Callable[..., str]:
    """Runs a command and returns what it says; errors of ours are raised."""

    def invoke(*arguments: str) -> str:
        variables = {"REMIT_DATABASE_URL": database_url, "REMIT_HOME": str(tmp_path)}
        result = CliRunner().invoke(app, ["embedding", *arguments], env=variables)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return invoke


def test_status_says_what_is_due(run: Callable[..., str], tickets: Database) -> None:
    said = run("status")
    assert "rows whose texts are to be cut: 3" in said
    assert "no model yet" in said
    begin_model(tickets, "mine", "/models/mine", 2)
    with tickets.writing() as connection:
        cut_due(connection, TABLES)
        connection.execute(text("UPDATE remit.embedding_model SET rate = 0.5"))
    said = run("status")
    assert "mine, serving: 0 chunks embedded, 3 due; about 0:00:06 left, at 0.5 a second" in said


def test_status_says_what_keeps_a_process_from_embedding(
    run: Callable[..., str], tickets: Database
) -> None:
    model = begin_model(tickets, "mine", "/models/mine", 2)
    with tickets.writing() as connection:
        note_problem(connection, model, "node-3: it did not come back")
    assert "  not embedded lately: node-3: it did not come back\n" in run("status")
    with tickets.writing() as connection:
        store(connection, model, [], rate=1.0)
    assert "not embedded lately" not in run("status")


COMMANDS = [("status",), ("pause",), ("resume",), ("run",), ("drop", "mine")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_was_not_migrated_is_named(
    run: Callable[..., str], tickets: Database, command: tuple[str, ...]
) -> None:
    missing = "no tables for embeddings yet, or older ones: run `remit migrate` first"
    with tickets.writing() as connection:  # as the version before made them
        connection.execute(text("ALTER TABLE remit.embedding_model DROP COLUMN fingerprint"))
    with pytest.raises(ConfigurationError, match=missing):
        run(*command)
    with tickets.writing() as connection:
        connection.execute(text("DROP SCHEMA remit CASCADE"))
    with pytest.raises(ConfigurationError, match=missing):
        run(*command)


def test_without_the_extra_it_says_that_embeddings_are_off(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # as if it were not installed
    assert "embeddings are off: install remit[embeddings]" in run("status")
    with pytest.raises(ConfigurationError, match="Embeddings are off: install"):
        run("run")


def test_looking_does_not_load_torch() -> None:
    loaded = "import sys, index.embedding; print('torch' in sys.modules)"
    command = [sys.executable, "-c", loaded]
    shown = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert shown.stdout == "False\n"


def test_pause_is_said_until_it_is_resumed(run: Callable[..., str]) -> None:
    run("pause")
    assert "paused" in run("status")
    assert "`remit embedding resume` first" in run("run")
    run("resume")
    assert "paused" not in run("status")


def test_a_model_can_be_dropped_that_does_not_serve(
    run: Callable[..., str], tickets: Database
) -> None:
    begin_model(tickets, "mine", "/models/mine", 2)
    with tickets.writing() as connection:
        cut_due(connection, TABLES)
    begin_model(tickets, "new", "/models/new", 3)
    assert "new, building: 0 chunks embedded, 3 due" in run("status")
    run("drop", "new")
    assert "new" not in run("status")
    with pytest.raises(InvalidRequest, match="mine serves"):
        run("drop", "mine")


def test_a_worker_embeds_in_a_process_that_ends_with_it(
    tickets: Database, database_url: str, tmp_path: Path
) -> None:
    # Each text is known already, so that no model needs to be loaded.
    model = begin_model(tickets, "mine", "/models/mine", 2)
    with tickets.writing() as connection:
        migrate_queue(connection)
        connection.execute(text("UPDATE entity.ticket SET subject = 'Question'"))
        cut_due(connection, TABLES, limit=1)
        (first,) = claim(connection, TABLES, model, limit=1, lease=timedelta())
        store(connection, model, [(first, "[1,0]")])
    variables = environment(
        REMIT_DATABASE_URL=database_url, REMIT_HOME=str(tmp_path), REMIT_EMBEDDING="true"
    )

    def embedded() -> Any:
        with tickets.writing() as connection:
            return connection.execute(text("SELECT count(*) FROM remit.embedding")).scalar_one()

    def embedders() -> list[str]:
        return [line for line in processes_of(tmp_path) if "embedding run" in line]

    with started(remit("worker"), variables, tmp_path) as worker:
        wait_until(lambda: embedded() == 3, "the embeddings")
        assert len(embedders()) == 1
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        wait_until(lambda: not embedders(), "the end of the process that embeds")

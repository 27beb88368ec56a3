"""The bundled Postgres starts from whatever an earlier run has left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text

from index.embedded import embedded_database
from index.errors import ConfigurationError


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="remit-test-") as name:
        os.chmod(name, 0o755)  # noqa: S103  Postgres runs as another user when we are root
        yield Path(name)


def _postgres_of(directory: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres"
        and str(directory) in " ".join(process.info["cmdline"] or [])
    ]


def test_data_outlive_the_server_and_no_process_does(directory: Path) -> None:
    with embedded_database(directory) as url, create_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 1 AS n"))
    assert _postgres_of(directory) == []
    with embedded_database(directory) as url, create_engine(url).begin() as connection:
        assert connection.execute(text("SELECT n FROM kept")).scalar_one() == 1


def test_a_half_made_cluster_is_made_anew(directory: Path) -> None:
    cluster = directory / "cluster"
    (cluster / "base").mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("18\n")  # initdb writes it long before it is done
    with embedded_database(directory) as url, create_engine(url).begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_after_a_kill_the_next_run_takes_over_and_stops_the_server(directory: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from index.embedded import embedded_database\n"
        "with embedded_database(Path(sys.argv[1])) as url: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(directory)], timeout=60)
    assert killed.returncode == -9
    assert _postgres_of(directory) != []
    assert json.loads((directory / "cluster/.handle_pids.json").read_text())
    with embedded_database(directory) as url, create_engine(url).begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    assert _postgres_of(directory) == []


def test_a_server_that_cannot_start_says_where_to_look(directory: Path) -> None:
    with embedded_database(directory):
        pass
    (directory / "cluster/postgresql.conf").write_text("no_such_setting = 1\n")
    with (
        pytest.raises(ConfigurationError, match="The bundled Postgres did not start"),
        embedded_database(directory),
    ):
        pass

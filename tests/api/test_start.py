"""How commands start: what is large is imported by those that use it, and by no other."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.processes import PATIENCE, environment, remit, run, started, wait_until
from tests.api.site import EXAMPLES
from tests.conftest import fresh_database

# Each takes a tenth of a second to import at least, and some take several seconds.
LARGE = {
    "airbyte_cdk", "alembic", "fastapi", "graphql", "jsonschema", "mcp", "numpy", "pandas",
    "requests", "sentence_transformers", "starlette", "strawberry", "torch", "transformers",
    "uvicorn", "z3",
}  # fmt: skip

_IMPORTED = re.compile(r"^import time:.*\| +([\w.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("start")


@pytest.fixture(scope="module")
def variables(cluster: str, template: str, folder: Path) -> Iterator[dict[str, str]]:
    """An installation with three sources and nothing read from them; Python tells its imports."""
    with fresh_database(cluster, template) as url:
        yield environment(
            REMIT_HOME=str(folder),
            REMIT_DATABASE_URL=url,
            REMIT_SOURCES=str(EXAMPLES / "sources.yaml"),
            REMIT_POLICIES=str(EXAMPLES / "policies"),
            PYTHONPROFILEIMPORTTIME="1",
        )


@pytest.mark.parametrize(
    ("command", "used"),
    [
        # Reads no settings either, so it needs no database library; completion in shells is this.
        ("--help", set()),
        # They look into the database, and read no source.
        ("source list", set()),
        ("secret list", set()),
        ("runs list", set()),
        ("user list", set()),
        # It looks at texts and models, and embeds nothing.
        ("embedding status", set()),
        # They answer to nobody over the network, and prove nothing.
        ("policy list", set()),
        ("policy test", set()),
        # It proves.
        ("policy check", {"z3"}),
        # It changes the database.
        ("migrate", {"alembic"}),
        # What is secret in it, only its manifest says.
        ("source show stripe", {"airbyte_cdk", "jsonschema", "requests"}),
    ],
)
def test_a_command_imports_what_it_uses(
    command: str, used: set[str], variables: dict[str, str], folder: Path
) -> None:
    code, _, said = run(remit(*command.split()), variables, folder)
    assert code == 0, said
    assert _packages(said) & LARGE == used
    assert ("sqlalchemy" in _packages(said)) == (command != "--help")


def test_a_worker_is_at_work_before_it_reads_a_source(
    variables: dict[str, str], folder: Path
) -> None:
    with started(remit("worker"), variables, folder) as worker:
        said = folder / "err"
        wait_until(lambda: " is at work" in said.read_text(), "the worker")
        before, _, _ = said.read_text().partition(" is at work")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE) == 0
    assert "sqlalchemy" in _packages(before)
    assert not _packages(before) & LARGE


def _packages(said: str) -> set[str]:
    """The packages of which a process said that it imported them, or a part of them."""
    return {name.partition(".")[0] for name in _IMPORTED.findall(said)}

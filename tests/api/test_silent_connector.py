"""A connector that is asked and does not answer ends soon after the command that asked it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.api.processes import PATIENCE, environment, remit, started, wait_until
from tests.conftest import fresh_database

# It says who it is when it is asked, and no more; to be ended it takes SIGTERM, or two of them.
_CONNECTOR = """
import os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
def told(*_):
    (here / "told").touch()
if sys.argv[1] == "check":
    signal.signal(signal.SIGTERM, told)
(here / "new").write_text(str(os.getpid()))
(here / "new").rename(here / "pid")
while True:
    time.sleep(3600)
"""


@pytest.fixture
def variables(cluster: str, template: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings of a command that knows one source, which is silent."""
    program = tmp_path / "connector.py"
    program.write_text(_CONNECTOR)
    sources = tmp_path / "remit.yaml"
    silent = {"command": [sys.executable, "-I", str(program)], "settings": {}}
    sources.write_text(yaml.safe_dump({"sources": {"silent": silent}}))
    with fresh_database(cluster, template) as url:
        yield environment(
            REMIT_HOME=str(tmp_path), REMIT_DATABASE_URL=url, REMIT_SOURCES=str(sources)
        )


def _asked(folder: Path) -> psutil.Process:
    """The connector, once it was asked."""
    wait_until((folder / "pid").exists, "the question")
    return psutil.Process(int((folder / "pid").read_text()))


ASKING = [
    (("source", "discover", "silent"), signal.SIGINT, 130),
    (("source", "map", "silent"), signal.SIGTERM, 130),
    # The streams are asked for before anything is read.
    (("sync", "silent"), signal.SIGTERM, 1),
]


@pytest.mark.parametrize(("command", "number", "code"), ASKING)
def test_it_ends_with_the_command(
    variables: dict[str, str],
    tmp_path: Path,
    command: tuple[str, ...],
    number: signal.Signals,
    code: int,
) -> None:
    with started(remit(*command), variables, tmp_path) as process:
        connector = _asked(tmp_path)
        process.send_signal(number)
        # Unasked it would go on for five minutes.
        assert process.wait(PATIENCE) == code
    assert not connector.is_running()
    assert "Traceback" not in (tmp_path / "err").read_text()


def test_it_ends_though_it_takes_its_time_and_nobody_waits_for_it(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with started(remit("source", "check", "silent"), variables, tmp_path) as process:
        connector = _asked(tmp_path)
        process.send_signal(signal.SIGINT)
        wait_until((tmp_path / "told").exists, "the request to end")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert not connector.is_running()

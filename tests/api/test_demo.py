"""`remit demo` as a newcomer meets it: started, pasted from, stopped, killed, started again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.forked_commands import ForkedCommands
from tests.api.processes import environment, processes_of, remit, started, wait_until
from tests.conftest import quick_place

READY = "Ctrl-C stops everything."


@pytest.fixture
def folder() -> Iterator[Path]:
    """A working folder that the user whom the bundled Postgres runs as can enter."""
    path = Path(tempfile.mkdtemp(prefix="remit-demo-", dir=quick_place()))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _output(folder: Path) -> str:
    return (folder / "out").read_text()


def _wait_until_ready(demo: subprocess.Popen[str], folder: Path) -> str:
    wait_until(lambda: READY in _output(folder) or demo.poll() is not None, READY)
    assert demo.poll() is None, (folder / "err").read_text()
    return _output(folder)


def _paste(lines: str, folder: Path) -> str:
    """What a shell makes of lines that were copied from the terminal."""
    done = subprocess.run(
        ["bash", "-euc", lines], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def _all_gone(folder: Path) -> bool:
    return processes_of(folder) == []


@pytest.mark.timeout(600)
def test_a_first_visit(commands: ForkedCommands, folder: Path) -> None:
    variables = environment()
    demo_command = ("demo", "--scale", "0.05", "--port", "0")
    with started(remit(*demo_command), variables, folder) as demo:
        shown = _wait_until_ready(demo, folder)
        errors = (folder / "err").read_text()

        # Three users, three answers.
        assert re.search(r"maya .*: 6 open tickets of Acme Corporation$", shown, re.M)
        assert re.search(r"omar .*: 5 open tickets of Acme Corporation$", shown, re.M)
        assert re.search(r"lena .*: there is no such customer$", shown, re.M)
        # Every stream was shown with what it brought.
        assert re.search(r"zendesk +tickets +100 +100 ", errors)

        # Everything that is printed can be pasted.
        exports = "\n".join(re.findall(r"^export .*$", shown, re.M))
        question, fresh = re.findall(r"^curl .*/graphql .*$", shown, re.M)
        (close,) = re.findall(r"^curl .* PATCH .*$", shown, re.M)
        assert exports.count("export") == 3
        answer = json.loads(_paste(f"{exports}\n{question}", folder))
        assert answer["data"]["customer"]["tickets"]["totalCount"] == 6
        _paste(close, folder)
        answer = json.loads(_paste(f"{exports}\n{fresh}", folder))
        assert answer["data"]["customer"]["tickets"]["totalCount"] == 5
        assert "mcpServers" in shown

        # Other commands of the same folder find the demo.
        ask = ("ask", "--user", "omar", "Acme's open tickets")
        code, text, problems = commands.run(*ask, variables=variables, folder=folder)
        assert (code, problems) == (0, "")
        assert text.startswith("open tickets of Acme")
        issue = ("token", "--user", "lena", "--agent", "bot")
        code, token, _ = commands.run(*issue, variables=variables, folder=folder)
        assert code == 0
        assert token.count(".") == 2

        # A second demo in the same place is refused, and does no harm.
        code, _, problems = commands.run(*demo_command, variables=variables, folder=folder)
        assert code == 1
        assert f"process {demo.pid}" in problems
        assert "Traceback" not in problems
        assert demo.poll() is None

        # What is secret is for the owner alone.
        for secret in ("token.key", "settings.env", "sources.yaml"):
            assert (folder / ".remit" / secret).stat().st_mode & 0o077 == 0

        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert "Traceback" not in (folder / "err").read_text()
    assert _all_gone(folder)


@pytest.mark.timeout(600)
def test_killed_and_started_again(folder: Path) -> None:
    variables = environment()
    command = remit("demo", "--scale", "0.05", "--port", "0")
    with started(command, variables, folder) as demo:
        # In the middle of its first sync.
        wait_until(
            lambda: "zendesk" in (folder / "err").read_text() or demo.poll() is not None, "a sync"
        )
        demo.kill()
        demo.wait()
    with started(command, variables, folder) as demo:
        shown = _wait_until_ready(demo, folder)
        assert "6 open tickets of Acme Corporation" in shown
        demo.terminate()
        assert demo.wait(60) == 0
    wait_until(lambda: _all_gone(folder), "the end of all processes")
    # A third time: nothing is read again that has been read.
    with started(command, variables, folder) as demo:
        _wait_until_ready(demo, folder)
        assert re.search(r"zendesk +tickets +\d+ +0 ", (folder / "err").read_text())
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert _all_gone(folder)


def test_a_busy_port(commands: ForkedCommands, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        code, shown, problems = commands.run(
            "demo", "--port", port, variables=environment(), folder=folder
        )
    assert code == 1
    assert shown == ""
    assert f"Port {port} is in use" in problems
    assert "--port" in problems
    assert "Traceback" not in problems
    assert _all_gone(folder)


def test_it_keeps_away_from_data_of_ones_own(commands: ForkedCommands, folder: Path) -> None:
    mine = environment(REMIT_DATABASE_URL="postgresql://127.0.0.1/mine")
    code, _, problems = commands.run("demo", variables=mine, folder=folder)
    assert code == 1
    assert "REMIT_DATABASE_URL" in problems
    for name, make in (("settings.env", Path.touch), ("postgres", Path.mkdir)):
        home = folder / f"home-of-{name}"
        home.mkdir()
        make(home / name)
        variables = environment(REMIT_HOME=str(home))
        code, _, problems = commands.run("demo", variables=variables, folder=folder)
        assert code == 1
        assert "of yours" in problems
        assert os.listdir(home) == [name]


def test_another_company_in_the_same_place_is_refused(
    commands: ForkedCommands, folder: Path
) -> None:
    home = folder / ".remit"
    home.mkdir()
    (home / "changes.jsonl").write_text('{"seed": 1, "scale": 9, "as_of": "2020-01-01"}\n')
    code, _, problems = commands.run("demo", "--port", "0", variables=environment(), folder=folder)
    assert code == 1
    assert "Remove the folder" in problems
    assert "Traceback" not in problems
    assert _all_gone(folder)

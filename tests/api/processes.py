"""Commands as processes of their own, for tests that end them the hard way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120


def remit(*arguments: str) -> list[str]:
    """The command line of a `remit` command."""
    return [sys.executable, "-m", "remit", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a command: ours without settings of Remit, and the given ones. Workers do
    not embed unless told: loading a model takes seconds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "200",
        "REMIT_EMBEDDING": "false",
        **variables,
    }


@contextmanager
def started(
    command: list[str], variables: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[str]]:
    """A process with its output in `folder/out` and `folder/err`; killed if it is left running."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=folder,
            stdout=out,
            stderr=err,
            text=True,
            preexec_fn=_heed_ctrl_c,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)


def _heed_ctrl_c() -> None:
    """Whoever starts tests in the background has them pass over SIGINT, which is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(command: list[str], variables: dict[str, str], folder: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a command that ends by itself."""
    done = subprocess.run(
        command,
        env=variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that will come, and fail when it does not."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def processes_of(folder: Path) -> list[str]:
    """The commands that are running with the folder in their command line or as their place."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(folder) in line or (process.info["cwd"] or "").startswith(str(folder)):
            found.append(line)
    return found

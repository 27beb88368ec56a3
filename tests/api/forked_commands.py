"""Commands that begin with everything imported, which takes longer than most of what they do.

`python -m tests.api.forked_commands` imports it once. For each line that it reads, an order, it
forks a process that becomes the command, and answers with the exit code when that has ended.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Self

import access_policies
import api
import index
import ingestion
import semantic_layer
from remit.__main__ import main
from tests.api.processes import PATIENCE, ROOT, environment


class ForkedCommands:
    """The process that forks; use it in a `with` block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE)  # which closes its input, and so ends it

    def run(
        self, *arguments: str, variables: Mapping[str, str], folder: Path
    ) -> tuple[int, str, str]:
        """Exit code, output and errors of a `remit` command that ends by itself."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = folder / "forked.out", folder / "forked.err"
        order = [arguments, dict(variables), str(folder), str(out), str(err)]
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the process that forks has ended: {process.stderr.read()}"
        shown, problems = out.read_text(), err.read_text()
        # What a test makes sure of in its folder are files of the command's, not ours.
        out.unlink()
        err.unlink()
        return int(answer), shown, problems


def _serve() -> None:
    for room in (api, ingestion, semantic_layer, access_policies, index):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if not module.name.endswith(".__main__"):
                import_module(module.name)
    gc.collect()
    gc.freeze()  # not to be looked through, and so copied, by every fork
    while order := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _become(*json.loads(order))
            main()
            break
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(
    arguments: list[str], variables: dict[str, str], folder: str, out: str, err: str
) -> None:
    """Have what a new process of the command would have."""
    signal.alarm(PATIENCE)  # which ends it
    sys.argv = ["remit", *arguments]
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for number, path in enumerate((os.devnull, out, err)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    _serve()

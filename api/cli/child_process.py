"""A command of ours in a process of its own, which does not outlive this one."""

from __future__ import annotations

import subprocess
import sys
import threading

_LOOK = 0.5  # seconds between two looks at the process


def run_child(*command: str, ending: threading.Event, grace: float) -> int:
    """Run a `remit` command that takes `--until-eof`, until it ends or `ending` is set.

    Then it has `grace` seconds to end by itself before it is killed. Returns its exit code. When
    this process is gone, whatever way that went, the pipe between the two is closed.
    """
    # A group of its own: Ctrl-C is for us, and we end it when its work may end.
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "remit", *command, "--until-eof"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101  # it was asked for
    while process.poll() is None and not ending.wait(_LOOK):
        pass
    process.stdin.close()
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()

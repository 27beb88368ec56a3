"""How a command begins and ends: with one clear message when it fails, and no traceback."""

from __future__ import annotations

import signal
import sys

from rich.markup import escape

from api.cli.commands import app
from api.cli.screen import errors, printable
from index.errors import RemitError


def run() -> None:
    """Run the command line and leave the process with its exit code.

    Wrong options, Ctrl-C and a reader that leaves early are dealt with by typer.
    """
    # SIGTERM ends a command like Ctrl-C does, so that whatever it started is ended with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except RemitError as error:
        # What others wrote, such as a name in a file, must not steer the terminal.
        errors.print(f"[red]remit:[/] {escape(printable(str(error)))}")
        sys.exit(1)

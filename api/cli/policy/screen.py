"""What policy commands print, ask and show while they count.

Documents, reasons and rows were written by others: nothing in them may steer the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.screen import errors, output, printable
from index.errors import InvalidRequest


def tell(lines: Iterable[str]) -> None:
    """Print lines of an answer."""
    for line in lines:
        output.print(printable(line))


def remark(text: str) -> None:
    """Say something about the answer, aside from it."""
    errors.print(printable(text), markup=False)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how many of how many are done, as it is told; and nothing in a pipe."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bars:
        line = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(line, completed=done, total=of)


def require_consent(yes: bool) -> None:
    """Raise InvalidRequest where nobody said yes and nobody can be asked."""
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(
            "This changes what people see, and there is no terminal to ask at whether to go on."
            " Look at it first, then add --yes."
        )


def consents(question: str) -> bool:
    """Ask at the terminal; nothing but a clear yes is one."""
    return typer.confirm(printable(question), err=True)

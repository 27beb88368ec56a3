"""What commands print, ask and show while they count: answers go to standard output, everything
about them to standard error.

Documents, reasons and rows were written by others: nothing in them may steer the terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from index.errors import InvalidRequest

_WIDEST = 1_000  # columns that a table may take

# Answers are printed as they are: no colours, no mark-up, no wrapping.
output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def printable(text: str) -> str:
    """The text with everything that has no look of its own written out, as in `\\x1b`, but for line
    breaks and tabs."""
    return "".join(
        letter
        if letter.isprintable() or letter in "\n\t"
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def tell(lines: Iterable[str]) -> None:
    """Print lines of an answer."""
    for line in lines:
        output.print(printable(line))


def remark(text: str) -> None:
    """Say something about the answer, aside from it."""
    errors.print(printable(text), markup=False)


def show_table(table: Table, *, on: Console) -> None:
    """Print a table whole: on a terminal that is narrower, lines are long and nothing is cut."""
    Console(file=on.file, width=_WIDEST, highlight=False, emoji=False).print(table)


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
    """Raise InvalidRequest where nobody said yes and nobody can be asked; `agreed` does it too, and
    this is for before a long count."""
    if not yes and not sys.stdin.isatty():
        raise InvalidRequest(
            "There is no terminal to ask at whether to go on. Look at what it would do, then add"
            " --yes."
        )


def agreed(question: str, *, yes: bool) -> bool:
    """Whether to go on: asks at the terminal unless `yes` was said before; nothing but a clear yes
    is one. Raises InvalidRequest where there is nobody to ask."""
    require_consent(yes)
    return yes or typer.confirm(printable(question), err=True)


def log_to_stderr(*, requests: bool = False) -> None:
    """Log what went wrong, and with `requests` a line for each one served.

    To be called when all is imported: libraries that set up logging of their own, even to standard
    output, are overruled.
    """
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.getLogger("remit.access").setLevel(logging.INFO if requests else logging.WARNING)

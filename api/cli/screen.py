"""Where commands write: answers to standard output, everything about them to standard error."""

from __future__ import annotations

import logging

from rich.console import Console

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

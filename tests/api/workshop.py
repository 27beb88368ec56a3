"""A place to type commands in: a fresh database, a home folder, and no setting from elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.commands import app
from index.errors import RemitError

SECRET_KEY = "a-key-for-secrets-that-is-long-enough-to-seal-with"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    shown: str
    problems: str

    @property
    def said(self) -> str:
        return self.shown + self.problems


@dataclass
class Workshop:
    """Commands see these variables and no other setting of Remit."""

    folder: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    def remit(self, *arguments: str, typed: str | None = None) -> Done:
        """Run a command with `typed` coming through a pipe."""
        with logging_restored():
            result = CliRunner().invoke(app, arguments, input=typed, env=self.variables)
        problems = result.stderr
        if isinstance(result.exception, RemitError):
            problems += str(result.exception)
        elif result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, problems)

    def done(self, *arguments: str, typed: str | None = None) -> str:
        """What a command that succeeds shows."""
        done = self.remit(*arguments, typed=typed)
        assert done.code == 0, done.said
        return done.shown

    def refused(self, *arguments: str, typed: str | None = None) -> str:
        """What is said by a command that fails."""
        done = self.remit(*arguments, typed=typed)
        assert done.code == 1, done.said
        return done.problems

    def write(self, text: str, name: str = "remit.yaml") -> str:
        """A file in the folder; returns its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@contextmanager
def opened_workshop(
    folder: Path, database_url: str, patch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    """A workshop whose commands also leave the folder of the test run alone."""
    patch.chdir(folder)
    yield Workshop(
        folder,
        {
            "REMIT_HOME": str(folder / "home"),
            "REMIT_DATABASE_URL": database_url,
            "REMIT_SECRET_KEY": SECRET_KEY,
            "REMIT_SOURCES": None,
            "REMIT_MODEL": None,
            "REMIT_POLICIES": None,
            "REMIT_TENANT": None,
            "COLUMNS": "200",
        },
    )


@contextmanager
def logging_restored() -> Iterator[None]:
    """Commands log to the standard error of their process, which here is gone after each."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

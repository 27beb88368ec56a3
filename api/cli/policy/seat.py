"""The policy desk as commands come to it: the operator, or in the name of a user."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import ProgrammingError

from access_policies.policies import PolicySet
from access_policies.versions.changes import described
from api.cli.screen import log_to_stderr
from api.installation import open_database, open_model, open_policies_in_force
from api.policy_desk import Editor, Examiner, PolicyDesk
from api.settings import Settings
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError

_NO_TABLE = "42P01"  # Postgres: undefined_table


@dataclass(frozen=True)
class Seat:
    """A place at the desk, with who sits there."""

    desk: PolicyDesk
    editor: Editor
    database: Database
    examiner: Examiner

    def words(self, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
        """What turns the documents `old` into `new`, a sentence each. Raises PolicyError when the
        new ones cannot be read."""
        after = self.examiner.read(new, self.desk.tenant).policies
        try:
            before = self.examiner.read(old, self.desk.tenant).policies
        except ConfigurationError:  # nobody sees anything by them either
            before = PolicySet({})
        return described(before, after) or ["Nothing that a policy says is changed."]


@contextmanager
def open_desk(settings: Settings, user: str | None) -> Iterator[Seat]:
    """The tenant's desk, for a user of the directory or, without one, for the operator."""
    log_to_stderr()
    with open_database(settings) as database:
        model = open_model(settings)
        policies = open_policies_in_force(settings, model)
        examiner = Examiner(database, model, EntityTables(model.specs), policies)
        desk = PolicyDesk(database, examiner, settings.tenant)
        try:
            yield Seat(desk, desk.editor(user, _operator()), database, examiner)
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_TABLE:
                raise
            raise ConfigurationError(
                "The database has no policies yet: run `remit migrate` first."
            ) from None
        finally:
            asyncio.run(database.close())


def _operator() -> str:
    """Who works at this machine, as it knows them."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # as in a container without that user
        return "an operator"

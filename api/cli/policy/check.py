"""`remit policy check` and `test`: documents of a folder, where no database is needed, or of a
version."""

from __future__ import annotations

import secrets

from access_policies import PoliciesInForce, read_directory
from api.cli.policy.seat import open_desk
from api.cli.screen import tell
from api.installation import open_model
from api.policy_desk import Examiner
from api.settings import Settings
from index.database import Database
from index.entity_tables import EntityTables


def run_check(settings: Settings, number: int | None, user: str | None) -> None:
    """Say what the documents hold and what is odd in them. Raises PolicyError with all that is
    wrong."""
    if number is None:
        documents = read_directory(settings.required_path("policies"))
        found = _examiner(settings).check(documents, settings.tenant)
    else:
        with open_desk(settings, user) as seat:
            version = seat.desk.version(seat.editor, number)
            found = seat.desk.check(seat.editor, version.documents)
    tell(found.lines())


def run_tests_of(settings: Settings, number: int | None, user: str | None) -> bool:
    """Run the tests and print the report; whether all passed."""
    if number is None:
        documents = read_directory(settings.required_path("policies"))
        examiner = _examiner(settings)
        report = examiner.test(examiner.read(documents, settings.tenant))
    else:
        with open_desk(settings, user) as seat:
            report = seat.desk.test(seat.editor, number)
    tell(report.lines())
    return report.passed


def _examiner(settings: Settings) -> Examiner:
    """One that is asked for nothing that takes a database, and so never connects to one."""
    model = open_model(settings)
    # Whoever checks files need not have the key of the installation; nothing is hashed here.
    key = secrets.token_bytes(32)
    policies = PoliciesInForce(model.specs, model.callers, starting={}, hash_key=key)
    return Examiner(Database(""), model, EntityTables(model.specs), policies)

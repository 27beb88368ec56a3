"""`remit policy`: documents checked and tested as they stand in a folder."""

from __future__ import annotations

from access_policies import PolicySet, Snapshot, read_directory, read_policies
from access_policies.expectations import Case, read_tests
from access_policies.owners_file import read_owners
from access_policies.policy_tests import run_tests
from api.cli.screen import output
from api.services import open_model
from api.settings import Settings


def run_check(settings: Settings) -> None:
    """Read every document. Raises PolicyError with all that is wrong in them."""
    policies, cases = _read(settings)
    rules = sum(len(each.rules) + len(each.guard_rules) for each in policies.policies.values())
    masks = sum(len(each.masks) + len(each.guard_masks) for each in policies.policies.values())
    output.print(
        f"{len(policies.policies)} policies with {rules} rules and {masks} masks can be used;"
        f" {len(cases)} tests stand beside them."
    )
    for entity in sorted(open_model(settings).entities.keys() - policies.policies.keys()):
        output.print(f"{entity} has no policy, so nobody sees it.")


def run_tests_of(settings: Settings) -> bool:
    """Run the tests and print the report; whether all passed."""
    policies, cases = _read(settings)
    report = run_tests(Snapshot(policies), cases)
    for line in report.lines():
        output.print(line)
    return report.passed


def _read(settings: Settings) -> tuple[PolicySet, tuple[Case, ...]]:
    model = open_model(settings)
    documents = read_directory(settings.required_path("policies"))
    policies = read_policies(documents.items(), model.specs, model.callers)
    read_owners(policies.owners, model.specs, model.callers)
    return policies, read_tests(policies.tests.items(), model.specs, model.callers)

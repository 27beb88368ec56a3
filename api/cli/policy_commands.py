"""What can be typed after `remit policy`. What it does stands in `api.cli.policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.settings import load_settings

policies = typer.Typer(
    help="Policies: whether they can be used, and do what is expected.", no_args_is_help=True
)

Folder = Annotated[
    Path | None, typer.Argument(help="A folder of policy documents. [default: REMIT_POLICIES]")
]


@policies.command()
def check(folder: Folder = None) -> None:
    """Say all that is wrong with the documents of a folder; nothing is put in force."""
    from api.cli.policy import run_check

    run_check(load_settings(policies=folder))


@policies.command("test")
def run_tests(folder: Folder = None) -> None:
    """Run the tests that stand beside the policies, and say which rules none of them tries."""
    from api.cli.policy import run_tests_of

    if not run_tests_of(load_settings(policies=folder)):
        raise typer.Exit(1)

"""What can be typed after `remit runs`. What it does stands in `api.cli.runs`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.settings import load_settings

runs = typer.Typer(help="The syncs there were: when, why, and what came of them.")


@runs.command(name="list")
def listed(
    source: Annotated[str | None, typer.Argument(help="Of one source only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
) -> None:
    """Print the newest runs, a line each."""
    from api.cli.runs import print_runs

    print_runs(load_settings(), source, limit)


@runs.command()
def show(
    id: Annotated[str, typer.Argument(help="As `remit runs list` prints it, or in full.")],
) -> None:
    """Print what became of each stream of a run."""
    from api.cli.runs import print_run

    print_run(load_settings(), id)

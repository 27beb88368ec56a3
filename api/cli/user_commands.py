"""What can be typed after `remit user`. What it does stands in `api.cli.user`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.settings import load_settings

users = typer.Typer(
    help="Who is there, and what policies may ask about them.", no_args_is_help=True
)

Tenant = Annotated[str | None, typer.Option(help="Whose people. [default: REMIT_TENANT]")]
Agents = Annotated[bool, typer.Option("--agents", help="Agents, not users.")]


@users.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Who is there: CSV, JSON or YAML.")],
    tenant: Tenant = None,
    format: Annotated[
        Literal["csv", "json", "yaml"] | None,
        typer.Option(help="What it is. [default: as it is named]"),
    ] = None,
    agents: Agents = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove who is not in it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Give users or agents the attributes of a file, all of them or none."""
    from api.cli.user import run_import

    settings = load_settings(tenant=tenant)
    run_import(settings, file, format=format, agents=agents, replace=replace, dry_run=dry_run)


@users.command("list")
def list_(tenant: Tenant = None, agents: Agents = False) -> None:
    """Print the users, or the agents, with their attributes."""
    from api.cli.user import run_list

    run_list(load_settings(tenant=tenant), agents=agents)


@users.command()
def show(
    name: Annotated[str, typer.Argument(help="As the token names them.")],
    tenant: Tenant = None,
    agents: Agents = False,
) -> None:
    """Print what policies know about a user or an agent, and what is missing."""
    from api.cli.user import run_show

    run_show(load_settings(tenant=tenant), name, agents=agents)

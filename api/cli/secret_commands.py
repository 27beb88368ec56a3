"""What can be typed after `remit secret`. What it does stands in `api.cli.secret`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.settings import load_settings

secrets = typer.Typer(
    help="Credentials, sealed in the database with a key that is not in it.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Settings refer to it as sealed:NAME.")]
Tenant = Annotated[str | None, typer.Option(help="Whose secrets. [default: REMIT_TENANT]")]


@secrets.command("set")
def set_(name: Name, tenant: Tenant = None) -> None:
    """Seal what is typed, unseen, or what comes through a pipe."""
    from api.cli.secret import run_set

    run_set(load_settings(tenant=tenant), name)


@secrets.command("list")
def list_(tenant: Tenant = None) -> None:
    """Print the names of the secrets, when each was set, and which sources use it."""
    from api.cli.secret import run_list

    run_list(load_settings(tenant=tenant))


@secrets.command()
def remove(name: Name, tenant: Tenant = None) -> None:
    """Remove a secret that no source uses."""
    from api.cli.secret import run_remove

    run_remove(load_settings(tenant=tenant), name)


@secrets.command("reseal")
def reseal_(tenant: Tenant = None) -> None:
    """Seal all secrets with the first key, so that older ones can be taken away."""
    from api.cli.secret import run_reseal

    run_reseal(load_settings(tenant=tenant))

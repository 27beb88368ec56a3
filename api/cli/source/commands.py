"""What can be typed after `remit source`. What it does stands in `api.cli.source`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.settings import load_settings

sources = typer.Typer(
    help="The systems that data comes from: how they are reached, and how they do.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="As it is called here: zendesk-emea.")]
Tenant = Annotated[str | None, typer.Option(help="Whose sources. [default: REMIT_TENANT]")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@sources.command()
def add(
    name: Name,
    connector: Annotated[str | None, typer.Option(help="A shipped one: zendesk.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="A declarative manifest of your own.")
    ] = None,
    package: Annotated[
        str | None, typer.Option(help="From PyPI: airbyte-source-faker; `install` it first.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Of the package.")] = None,
    image: Annotated[str | None, typer.Option(help="Of a container.")] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(help="A program that speaks the Airbyte protocol; once for each word."),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="What its records become. [default: the connector's]")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE; a secret is env:NAME, file:PATH or sealed:NAME."),
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option(help="Read this one; may be repeated. [default: all]")
    ] = None,
    every: Annotated[str | None, typer.Option(help="Read it so often: 15m, 2h, 1d.")] = None,
    cron: Annotated[str | None, typer.Option(help='Read it then, in UTC: "0 3 * * *".')] = None,
    reconcile: Annotated[
        str | None,
        typer.Option(
            help="Read all of it so often, to find what is gone: 7d, or as --cron, or never."
        ),
    ] = None,
    same_account: Annotated[
        bool,
        typer.Option("--same-account", help="The records that are held of the name are of this."),
    ] = False,
    tenant: Tenant = None,
) -> None:
    """Add a source; asks for the settings that it needs and that are not given."""
    from api.cli.source.adding import run_add

    described: dict[str, Any] = {
        "connector": connector,
        "manifest": manifest,
        "package": package,
        "version": version,
        "image": image,
        "command": command,
        "mapping": mapping,
        "streams": stream,
    }
    schedule = {"every": every, "cron": cron, "reconcile": reconcile}
    times = {name: value for name, value in schedule.items() if value}
    given = {name: value for name, value in described.items() if value}
    if times:
        given["schedule"] = times
    settings = load_settings(tenant=tenant)
    run_add(settings, name, given, setting or (), same_account=same_account)


@sources.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    tenant: Tenant = None,
) -> None:
    """Try sources, and say in words what is wrong; nothing is stored."""
    from api.cli.source.trying import run_check

    if not run_check(load_settings(tenant=tenant), names or ()):
        raise typer.Exit(1)


@sources.command()
def discover(name: Name, tenant: Tenant = None) -> None:
    """Print the streams that a source has, and what becomes of each."""
    from api.cli.source.trying import run_discover

    run_discover(load_settings(tenant=tenant), name)


@sources.command("list")
def list_(tenant: Tenant = None) -> None:
    """Print the sources: connector, freshness, when each is due, and what is wrong."""
    from api.cli.source.listing import run_list

    run_list(load_settings(tenant=tenant))


@sources.command()
def show(name: Name, tenant: Tenant = None) -> None:
    """Print a source as remit.yaml would have it, and how its streams do.

    A connector that is a program is started, to be asked which of its settings are secret.
    """
    from api.cli.source.listing import run_show

    run_show(load_settings(tenant=tenant), name)


@sources.command()
def sync(name: Name, tenant: Tenant = None) -> None:
    """Read from one source what is new there; `remit sync NAME` says the same."""
    from api.cli.sync import run_sync

    run_sync(load_settings(tenant=tenant), [name])


@sources.command()
def pause(name: Name, tenant: Tenant = None) -> None:
    """Let no schedule run a source until it is resumed."""
    from api.cli.source.standing import run_pause

    run_pause(load_settings(tenant=tenant), name, paused=True)


@sources.command()
def resume(name: Name, tenant: Tenant = None) -> None:
    """Let the schedules of a source run again."""
    from api.cli.source.standing import run_pause

    run_pause(load_settings(tenant=tenant), name, paused=False)


@sources.command()
def remove(
    name: Name,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="With its records, and all made of them.")
    ] = False,
    yes: Yes = False,
    tenant: Tenant = None,
) -> None:
    """Take a source out of force; its data stay unless they are removed with it."""
    from api.cli.source.standing import run_remove

    if not run_remove(load_settings(tenant=tenant), name, with_data=with_data, yes=yes):
        raise typer.Exit(1)


@sources.command()
def install(
    name: Annotated[str, typer.Argument(help="A source, or a package: airbyte-source-faker.")],
    version: Annotated[str | None, typer.Option(help="[default: as configured, or newest]")] = None,
    tenant: Tenant = None,
) -> None:
    """Install a connector from PyPI into an environment of its own."""
    from api.cli.source.trying import run_install

    run_install(load_settings(tenant=tenant), name, version)


@sources.command("map")
def map_(name: Name, tenant: Tenant = None) -> None:
    """Propose a mapping for a source, from the schemas of its streams."""
    from api.cli.source.trying import run_map

    run_map(load_settings(tenant=tenant), name)

"""What can be typed about the data of sources: `remit source rejected`, `reproject`, `purge`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.settings import load_settings

rejected = typer.Typer(
    help="Records that could not be mapped or stored, kept with the reason.",
    no_args_is_help=True,
)

Names = Annotated[list[str] | None, typer.Argument(help="Which sources; all if none is named.")]
Streams = Annotated[
    list[str] | None, typer.Option("--stream", help="Only this one; may be repeated.")
]
Tenant = Annotated[str | None, typer.Option(help="Whose. [default: REMIT_TENANT]")]


@rejected.command("list")
def list_(
    source: Annotated[str | None, typer.Argument(help="Of which source; all if none.")] = None,
    stream: Streams = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.")] = 50,
    raw: Annotated[bool, typer.Option("--raw", help="Show what the source sent.")] = False,
    tenant: Tenant = None,
) -> None:
    """List what is set aside, and why."""
    from api.cli.source_data import run_rejected_list

    run_rejected_list(load_settings(tenant=tenant), source, stream or [], limit=limit, raw=raw)


@rejected.command("replay")
def replay(names: Names = None, stream: Streams = None, tenant: Tenant = None) -> None:
    """Map what is set aside again, after the mapping was mended."""
    from api.cli.source_data import run_replay

    run_replay(load_settings(tenant=tenant), names or [], stream or [])


def reproject(names: Names = None, stream: Streams = None, tenant: Tenant = None) -> None:
    """Make rows anew from what is held, after the model or a mapping changed."""
    from api.cli.source_data import run_reproject

    run_reproject(load_settings(tenant=tenant), names or [], stream or [])


def purge(
    days: Annotated[
        int | None,
        typer.Option(min=0, help="What was deleted so long ago. [default: REMIT_RETENTION_DAYS]"),
    ] = None,
    tenant: Tenant = None,
) -> None:
    """Remove for good what the sources have deleted."""
    from api.cli.source_data import run_purge

    run_purge(load_settings(tenant=tenant), days=days)


def erase(
    subject: Annotated[
        str,
        typer.Argument(
            help="An e-mail address, for all who have it; or one row, as contact:ID or user:ID."
        ),
    ],
    actor: Annotated[str, typer.Option(help="Who does it, for the receipt.")],
    reason: Annotated[str, typer.Option(help="Why, for the receipt; without their name.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it takes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Neither show it first nor ask.")] = False,
    tenant: Tenant = None,
) -> None:
    """Erase one person's data for good, and print the receipt. With an address, everyone who has it
    counts as the person, so what it takes is shown first."""
    from api.cli.erase import run_erase

    finished = run_erase(
        load_settings(tenant=tenant),
        subject,
        actor=actor,
        reason=reason,
        yes=yes,
        dry_run=dry_run,
    )
    if not finished:
        raise typer.Exit(1)

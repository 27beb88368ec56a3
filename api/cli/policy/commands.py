"""What can be typed after `remit policy`. What it does stands in `api.cli.policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.settings import load_settings

policies = typer.Typer(
    help="Policies: what is in force, what would change, and the way from a draft to there.",
    no_args_is_help=True,
)
shadow = typer.Typer(
    help="A version on trial beside the one in force, without effect.", no_args_is_help=True
)
policies.add_typer(shadow, name="shadow")

Folder = Annotated[
    Path | None, typer.Argument(help="A folder of policy documents. [default: REMIT_POLICIES]")
]
Number = Annotated[int, typer.Argument(min=1, help="Of the version; `remit policy list` has them.")]
AnyNumber = Annotated[int | None, typer.Argument(min=1, help="Of the version.")]
Version = Annotated[
    int | None, typer.Option(min=1, help="A version in the database, not a folder.")
]
Tenant = Annotated[str | None, typer.Option(help="Whose policies. [default: REMIT_TENANT]")]
User = Annotated[
    str | None, typer.Option("--as", help="In whose name, and with whose rights. [default: yours]")
]
Reason = Annotated[str, typer.Option(help="Why; the history keeps it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")]


@policies.command("list")
def list_(tenant: Tenant = None, user: User = None, limit: Limit = 20) -> None:
    """Print the versions: number, state, author, when and why."""
    from api.cli.policy.versions import run_list

    run_list(load_settings(tenant=tenant), user, limit)


@policies.command()
def show(
    number: Annotated[
        int | None, typer.Argument(min=1, help="Of the version. [default: the one in force]")
    ] = None,
    name: Annotated[str | None, typer.Option(help="One document alone: ticket.yaml.")] = None,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Print the documents of a version."""
    from api.cli.policy.versions import run_show

    run_show(load_settings(tenant=tenant), user, number, name)


@policies.command()
def history(
    number: AnyNumber = None,
    limit: Limit = 20,
    json: Annotated[bool, typer.Option("--json", help="With all that was found.")] = False,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Print who did what, when, why and by what way, of one version or of all."""
    from api.cli.policy.versions import run_history

    run_history(load_settings(tenant=tenant), user, number, limit, as_json=json)


@policies.command()
def check(
    folder: Folder = None, version: Version = None, tenant: Tenant = None, user: User = None
) -> None:
    """Say all that is wrong with documents, or odd in them; nothing is put in force."""
    from api.cli.policy.check import run_check

    _either(folder, version)
    run_check(load_settings(policies=folder, tenant=tenant), version, user)


@policies.command("test")
def run_tests(
    folder: Folder = None, version: Version = None, tenant: Tenant = None, user: User = None
) -> None:
    """Run the tests that stand beside the policies, and say which rules none of them tries."""
    from api.cli.policy.check import run_tests_of

    _either(folder, version)
    if not run_tests_of(load_settings(policies=folder, tenant=tenant), version, user):
        raise typer.Exit(1)


@policies.command()
def diff(number: Number, tenant: Tenant = None, user: User = None) -> None:
    """Print what a version changes: in its documents, in words, and for whom."""
    from api.cli.policy.changes import run_diff

    run_diff(load_settings(tenant=tenant), number, user)


@policies.command()
def preview(number: Number, tenant: Tenant = None, user: User = None) -> None:
    """Count who would gain and lose what if a version were in force."""
    from api.cli.policy.changes import run_preview

    run_preview(load_settings(tenant=tenant), number, user)


@policies.command()
def approve(number: Number, reason: Reason, tenant: Tenant = None, user: User = None) -> None:
    """Agree to a version as its second person, who is named with --as."""
    from api.cli.policy.changes import run_approve

    run_approve(load_settings(tenant=tenant), number, user, reason)


@policies.command()
def publish(
    number: Number, reason: Reason, yes: Yes = False, tenant: Tenant = None, user: User = None
) -> None:
    """Count anew what a version changes, ask, and put it in force."""
    from api.cli.policy.changes import run_publish

    if not run_publish(load_settings(tenant=tenant), number, user, reason, yes=yes):
        raise typer.Exit(1)


@policies.command()
def rollback(reason: Reason, yes: Yes = False, tenant: Tenant = None, user: User = None) -> None:
    """Put back the version that the one in force was made from."""
    from api.cli.policy.changes import run_rollback

    if not run_rollback(load_settings(tenant=tenant), user, reason, yes=yes):
        raise typer.Exit(1)


@policies.command()
def explain(
    entity: Annotated[str, typer.Argument(help="ticket, customer, ...")],
    id: Annotated[str, typer.Argument(help="The id of the row, as GraphQL gives it.")],
    of: Annotated[str | None, typer.Option("--user", help="Who would see it, or not.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="The agent that acts for the user, or on its own.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="What for, if policies ask.")] = None,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Say which rules decide whether somebody sees a row, and what would have to differ."""
    from api.cli.policy.explain import run_explain

    settings = load_settings(tenant=tenant)
    run_explain(settings, entity, id, user=of, agent=agent, purpose=purpose, asker=user)


@policies.command()
def pull(
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Which. [default: the one in force]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was changed.")] = False,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Write the documents of a version into a folder."""
    from api.cli.policy.git import run_pull

    run_pull(load_settings(tenant=tenant), folder, version, user, force=force)


@policies.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Of documents that were pulled, and changed.")],
    reason: Reason,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Draft what a folder holds as a new version; nothing is put in force."""
    from api.cli.policy.git import run_push

    run_push(load_settings(tenant=tenant), folder, user, reason)


@shadow.command()
def start(
    number: Number,
    reason: Reason,
    hours: Annotated[float, typer.Option(help="How long, up to two weeks.")] = 24,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Compare each read with what a version would have shown."""
    from api.cli.policy.trial import run_start

    run_start(load_settings(tenant=tenant), number, user, reason, hours)


@shadow.command()
def stop(reason: Reason, tenant: Tenant = None, user: User = None) -> None:
    """End the trial under way."""
    from api.cli.policy.trial import run_stop

    run_stop(load_settings(tenant=tenant), user, reason)


@shadow.command("show")
def show_trial(
    number: AnyNumber = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the most seen first.")] = 50,
    tenant: Tenant = None,
    user: User = None,
) -> None:
    """Print the trial under way, and what reads would have shown otherwise."""
    from api.cli.policy.trial import run_show

    run_show(load_settings(tenant=tenant), number, user, limit)


def _either(folder: Path | None, version: int | None) -> None:
    if folder is not None and version is not None:
        raise typer.BadParameter("A folder or a version, not both.")

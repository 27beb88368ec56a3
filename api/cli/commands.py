"""What can be typed: each command with its options. What it does stands in a module of its own.

Those modules are imported by the command that needs them and by no other: together they take
seconds to import, which a `remit --help` need not wait for.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.cli.embedding_commands import embeddings
from api.cli.policy.commands import policies
from api.cli.run_commands import runs
from api.cli.secret_commands import secrets
from api.cli.source.commands import sources as source_commands
from api.cli.source_data_commands import erase, purge, rejected, reproject
from api.cli.user_commands import users
from api.settings import load_settings

app = typer.Typer(
    name="remit",
    help="The context store that answers an agent with exactly what its user may see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(embeddings, name="embedding")
app.add_typer(policies, name="policy")
app.add_typer(runs, name="runs")
app.add_typer(source_commands, name="source")
source_commands.add_typer(rejected, name="rejected")
source_commands.command()(reproject)
source_commands.command()(purge)
app.command()(erase)
app.add_typer(secrets, name="secret")
app.add_typer(users, name="user")

Host = Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="Port to listen on. [default: 8080]")]
Seed = Annotated[int, typer.Option(help="Another seed is another company.")]
Scale = Annotated[float, typer.Option(help="1 is about 80 customers and 2,000 tickets.")]
Agent = Annotated[str | None, typer.Option(help="The agent that acts for the user.")]
Purpose = Annotated[str | None, typer.Option(help="What for, if policies ask.")]


@app.command()
def demo(host: Host = None, port: Port = None, seed: Seed = 7, scale: Scale = 1.0) -> None:
    """Set up a sample company with three systems and three users, and serve it until stopped."""
    from api.cli.demo import run_demo

    run_demo(load_settings(host=host, port=port), seed=seed, scale=scale)


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    worker: Annotated[
        bool, typer.Option(help="Do the syncs that are due, in a process beside.")
    ] = True,
) -> None:
    """Serve GraphQL and MCP over HTTP until stopped."""
    from api.cli.serve import run_server

    run_server(load_settings(host=host, port=port), worker=worker)


@app.command()
def worker(
    concurrency: Annotated[
        int | None, typer.Option(help="How many syncs at once. [default: 2]")
    ] = None,
    embedding: Annotated[
        bool | None,
        typer.Option(
            "--embedding/--no-embedding",
            help="Embed texts, in a process beside. [default: REMIT_EMBEDDING]",
        ),
    ] = None,
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Do the syncs that are due, until stopped; on as many machines as you like."""
    from api.cli.worker import run_worker

    settings = load_settings(worker_concurrency=concurrency, embedding=embedding)
    run_worker(settings, until_eof=until_eof)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The workspace.")] = Path("remit.yaml"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only say what would change. Connectors that are programs are started even so, to"
            " be asked what settings they take.",
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take out of force what is not in it; data stay.")
    ] = False,
    same_account: Annotated[
        bool,
        typer.Option(
            "--same-account", help="A source whose address changes is the same account as before."
        ),
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="For whom. [default: REMIT_TENANT]")] = None,
) -> None:
    """Bring a workspace file into force: sources, schedules, model, policies."""
    from api.cli.apply import run_apply

    if not run_apply(
        load_settings(tenant=tenant),
        file,
        yes=yes,
        dry_run=dry_run,
        prune=prune,
        same_account=same_account,
    ):
        raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema and to the tables of the model."""
    from api.cli.migrate import run_migration

    run_migration(load_settings())


@app.command()
def sync(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Which; all if none is named.")
    ] = None,
    stream: Annotated[
        list[str] | None, typer.Option(help="Only this stream of the one source. May be repeated.")
    ] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Read everything, and find what is gone there.")
    ] = False,
    allow_deletes: Annotated[
        bool, typer.Option("--allow-deletes", help="Even if much is gone.")
    ] = False,
    at_once: Annotated[
        int, typer.Option(min=1, max=16, help="How many sources are read at the same time.")
    ] = 2,
) -> None:
    """Read from the sources what is new there."""
    from api.cli.sync import run_sync

    run_sync(
        load_settings(),
        sources or [],
        stream or [],
        reconcile=reconcile,
        allow_deletes=allow_deletes,
        at_once=at_once,
    )


@app.command()
def simulate(
    seed: Seed = 7,
    scale: Scale = 1.0,
    port: Annotated[int, typer.Option(help="The first of the ports in a row; 0 for any.")] = 8801,
    journal: Annotated[Path | None, typer.Option(help="A file to keep changes in.")] = None,
    also: Annotated[
        list[str] | None, typer.Option(help="One more system, as hubspot; may be repeated.")
    ] = None,
) -> None:
    """Serve the Salesforce, Zendesk and Stripe of a sample company until stopped."""
    from api.cli.simulate import run_simulator

    run_simulator(seed=seed, scale=scale, port=port, journal=journal, also=also or ())


@app.command()
def token(
    user: Annotated[str | None, typer.Option(help="Whose rights the token carries.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="The agent that acts for the user, or on its own.")
    ] = None,
    purpose: Purpose = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it is limited to: read, read:ENTITY, policy. May be repeated."),
    ] = None,
    minutes: Annotated[int, typer.Option(help="How long it is good for, up to a day.")] = 60,
) -> None:
    """Issue a token that names a user, an agent or both, and perhaps a purpose and scopes."""
    from api.cli.token import run_token

    run_token(load_settings(), user, agent, purpose, scope, lifetime=timedelta(minutes=minutes))


@app.command()
def ask(
    request: Annotated[str, typer.Argument(help='In plain words: "Acme\'s open tickets".')],
    user: Annotated[str, typer.Option(help="Who asks.")],
    agent: Agent = None,
    purpose: Purpose = None,
    json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
) -> None:
    """Answer a business request as a user would be answered."""
    from api.cli.ask import run_ask

    if not run_ask(load_settings(), request, user, agent, purpose, as_json=json):
        raise typer.Exit(1)

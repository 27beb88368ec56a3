"""What can be typed: each command with its options. What it does stands in a module of its own.

Those modules are imported by the command that needs them and by no other: together they take
seconds to import, which a `remit --help` need not wait for.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.cli.policy.commands import policies
from api.cli.user_commands import users
from api.settings import load_settings

app = typer.Typer(
    name="remit",
    help="The context store that answers an agent with exactly what its user may see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(policies, name="policy")
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
def serve(host: Host = None, port: Port = None) -> None:
    """Serve GraphQL and MCP over HTTP until stopped."""
    from api.cli.serve import run_server

    run_server(load_settings(host=host, port=port))


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
) -> None:
    """Read from the sources what is new there."""
    from api.cli.sync import run_sync

    run_sync(load_settings(), sources or [])


@app.command()
def simulate(
    seed: Seed = 7,
    scale: Scale = 1.0,
    port: Annotated[int, typer.Option(help="The first of three ports in a row; 0 for any.")] = 8801,
    journal: Annotated[Path | None, typer.Option(help="A file to keep changes in.")] = None,
) -> None:
    """Serve the Salesforce, Zendesk and Stripe of a sample company until stopped."""
    from api.cli.simulate import run_simulator

    run_simulator(seed=seed, scale=scale, port=port, journal=journal)


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

"""What can be typed after `remit embedding`. What it does stands in `api.cli.embedding`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.settings import load_settings

embeddings = typer.Typer(
    help="Texts made findable by what they mean, in the background.", no_args_is_help=True
)

Model = Annotated[str, typer.Argument(help="Its name.")]


@embeddings.command()
def status() -> None:
    """Print the models, what is due for each, and how long it will take."""
    from api.cli.embedding import print_status

    print_status(load_settings())


@embeddings.command()
def pause() -> None:
    """Let nothing be embedded, on any machine, until it is resumed. Syncs go on."""
    from api.cli.embedding import run_pause

    run_pause(load_settings())


@embeddings.command()
def resume() -> None:
    """Let it go on."""
    from api.cli.embedding import run_resume

    run_resume(load_settings())


@embeddings.command()
def run(
    until_eof: Annotated[bool, typer.Option("--until-eof", hidden=True)] = False,
) -> None:
    """Embed what is due, now and here; Ctrl-C stops, and it can be run again."""
    from api.cli.embedding import run_embedding

    run_embedding(load_settings(), until_eof=until_eof)


@embeddings.command()
def use(
    model: Model,
    path: Annotated[
        str | None,
        typer.Option(help="Its folder, the same on all machines. [default: a packaged model]"),
    ] = None,
) -> None:
    """Build a model beside the one that serves; it serves when it is complete."""
    from api.cli.embedding import run_use

    run_use(load_settings(), model, path)


@embeddings.command()
def drop(model: Model) -> None:
    """Remove a model that does not serve, with its vectors."""
    from api.cli.embedding import run_drop

    run_drop(load_settings(), model)

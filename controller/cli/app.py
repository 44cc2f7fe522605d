"""The commands that people type; each module of this package brings its own."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="argosy",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Applications on fleets of servers: see them, ask them why, act on them.",
)


@app.command()
def version() -> None:
    """Print the version of this command."""
    from importlib import metadata  # noqa: PLC0415 - takes long to import

    typer.echo(metadata.version("argosy"))

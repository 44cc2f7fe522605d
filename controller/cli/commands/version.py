"""`version`: which Argosy this is."""

from __future__ import annotations

import typer

from controller.cli import app


@app.local
def version() -> None:
    """Print the version of this command.

    Example: argosy version
    """
    from importlib import metadata

    typer.echo(metadata.version("argosy"))

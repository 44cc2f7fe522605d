"""`crds`: the definitions of Argosy's kinds."""

from __future__ import annotations

import pathlib
from typing import Annotated

import typer

from controller.cli import app


@app.local
def crds(
    directory: Annotated[
        pathlib.Path | None, typer.Option(help="Write one file a kind here; else print all.")
    ] = None,
) -> None:
    """Print or write the CustomResourceDefinitions.

    Example: argosy crds --directory crds
    """
    from controller.presentation import definitions

    for name, text in definitions.texts().items():
        if directory is None:
            typer.echo(text)
        else:
            (directory / name).write_text(text)
            typer.echo(f"wrote {directory / name}")

"""`exec`: a command in one server."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="get", resource="servers (argosy.dev)"),
    CommandRight(verbs="get, create", resource="pods/exec"),
    name="exec",
)
def execute(
    server: Annotated[str, arguments.servers()],
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND…]", help="The command (default: a shell)."),
    ] = None,
    container: Annotated[str, typer.Option("--container", "-c", help="Where it runs.")] = "",
) -> Work:
    """Run a command in one server with this terminal, and end with the command's exit code.

    Example: kubectl argosy exec shop-web-3 -- nginx -T
    """
    from controller.cli import shell

    return functools.partial(shell.run, server=server, command=command or (), container=container)

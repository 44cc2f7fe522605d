"""`version`: which Argosy this is, and which one is at work in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    CommandRight(
        verbs="list",
        resource="deployments (apps)",
        why="the operator's version; none is needed with --client",
        everywhere=True,
    )
)
def version(
    client: Annotated[bool, typer.Option("--client", help="This command's version alone.")] = False,
) -> Work:
    """Print the version of this command, and of the operators in the cluster.

    Example: kubectl argosy version
    """
    from importlib import metadata

    typer.echo(f"Client Version: {metadata.version('argosy')}")
    if client:
        raise typer.Exit

    async def ask(session: Session) -> int:
        from controller.cli import screen
        from controller.presentation import operators

        found = await operators.read(session.api)
        for each in found:
            ready = f"{each.ready} of {each.replicas} ready"
            known = each.version or each.image
            screen.say(f"Operator Version: {known} ({each.namespace}/{each.name}, {ready})")
        if not found:
            screen.say("Operator Version: none, as no operator of the chart is installed here")
        return 0

    return ask

"""`dashboard`: what the other commands show, as pages in a browser."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    rights.READ,
    dataclasses.replace(rights.FOLLOW, why=""),
    rights.REFINE,
    rights.EVERYWHERE,
    CommandRight(verbs="list", resource="events (events.k8s.io)", why="the page of events"),
    CommandRight(verbs="get", resource="pods/log", why="the page of last lines"),
    CommandRight(verbs="get, list", resource="builds (argosy.dev)", why="Builds beside revisions"),
    CommandRight(
        verbs="patch",
        resource="applications, serversets/scale, servers, operations (argosy.dev)",
        why="--writes",
    ),
    CommandRight(verbs="delete", resource="applications (argosy.dev)", why="--writes"),
    CommandRight(verbs="create", resource="operations (argosy.dev)", why="--writes"),
)
def dashboard(
    everywhere: arguments.Everywhere = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port (default: a free one).")
    ] = 0,
    writes: Annotated[
        bool, typer.Option("--writes", help="Offer acts, each shown as a dry run first.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = True,
) -> Work:
    """Show applications in the browser: for you alone, with your rights.

    Example: kubectl argosy dashboard -A
    """
    from controller.cli import browsers, screen
    from controller.dashboard import server
    from controller.kube import garbage

    async def show(session: Session) -> int:
        def typed(words: str, namespace: str) -> str:
            return dataclasses.replace(session.target, namespace=namespace).typed(words)

        settings = server.DashboardSettings(
            namespace="" if everywhere else session.namespace,
            cluster=session.server,
            typed=typed,
            port=port,
            writes=writes,
        )
        async with server.run(session.api, settings) as running:
            garbage.settle()
            screen.say(f"The dashboard is open, once, at {running.address}")
            also = ", and do what you may" if writes else ""
            screen.say(f"The pages show what you may read{also}. Ctrl-C ends the dashboard.")
            await server.serve(running, browsers.showing if browser else None)
        return 0

    return show

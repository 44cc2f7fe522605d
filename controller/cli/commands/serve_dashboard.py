"""`serve-dashboard`: the dashboard in a cluster, for many."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, rights
from controller.cli.app import Work

if TYPE_CHECKING:
    from controller.cli.session import Session
    from controller.dashboard.lobby import Connected


@app.command(rights.PLAN)
def serve_dashboard(  # noqa: PLR0917 - each is an option, given by name
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port.")] = 8443,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A host[:port] at which browsers find it; may be given several times."),
    ] = None,
    namespaces: Annotated[
        str, typer.Option(help="Namespaces to show, with commas between (default: all).")
    ] = "",
    certificates: Annotated[
        str, typer.Option(help="A folder with tls.crt and tls.key (default: plain HTTP).")
    ] = "",
    cluster: Annotated[str, typer.Option(help="The name of the cluster, as pages show it.")] = "",
    writes: Annotated[
        bool, typer.Option("--writes", help="Offer acts, with the rights of whoever asks.")
    ] = False,
) -> Work:
    """Serve the dashboard to many: each sees what their own token may read.

    Example: argosy serve-dashboard --host argosy.example.com --certificates /etc/argosy/tls
    """
    import asyncio

    from controller.cli import screen
    from controller.dashboard import cluster as process
    from controller.kube import client, connection, garbage

    async def serve(session: Session) -> int:
        where = connection.load(
            kubeconfig=session.target.kubeconfig, context=session.target.context
        )
        # Fails at once, and not when somebody signs in.
        where.as_bearer("")

        def connect(token: str) -> Connected:
            return client.Client(where.as_bearer(token), agent="argosy-dashboard")

        settings = process.ClusterSettings(
            connect=connect,
            cluster=cluster or where.server,
            hosts=tuple(host or ()),
            namespaces=tuple(each.strip() for each in namespaces.split(",") if each.strip()),
            port=port,
            writes=writes,
            certificates=pathlib.Path(certificates) if certificates else None,
        )
        async with process.run(session.api, settings) as listening:
            garbage.settle()
            screen.say(f"The dashboard listens on port {listening}.")
            await asyncio.Event().wait()
        return 0

    return serve

"""`port-forward`: ports of this machine that lead to servers."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import Work


@app.command(*rights.FORWARD, rights.named("servers (argosy.dev)"), name="port-forward")
def port_forward(
    thing: arguments.Serving,
    ports: Annotated[
        list[str],
        typer.Argument(
            metavar="[LOCAL:]PORT…",
            help="A port of servers, by number or name; :PORT takes a free one here.",
        ),
    ],
    component: arguments.Component = "",
    address: Annotated[
        str, typer.Option("--address", help="The address of this machine to listen at.")
    ] = "127.0.0.1",
) -> Work:
    """Forward ports of this machine to a server, or by turns to those of a component.

    A server that is replaced is reached again by the next connection. Ctrl-C ends it.

    Example: kubectl argosy port-forward shop-web-0 8080
    """
    from controller.cli import forwarding

    return functools.partial(
        forwarding.forward, thing=(thing,), component=component, ports=ports, address=address
    )

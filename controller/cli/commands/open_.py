"""`open`: a server's page in the browser."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import Work


@app.command(*rights.FORWARD, rights.named("servers (argosy.dev)"), name="open")
def open_page(
    thing: arguments.Serving,
    port: Annotated[
        str,
        typer.Argument(
            metavar="[[LOCAL:]PORT]",
            help="The port (default: the one named http or web, or the first that is named).",
        ),
    ] = "",
    component: arguments.Component = "",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = True,
) -> Work:
    """Open a server's page in the browser, by a port of this machine alone.

    A component's servers take turns, a connection each. Ctrl-C ends it.

    Example: kubectl argosy open shop --component web
    """
    from controller.cli import forwarding

    return functools.partial(
        forwarding.browse, thing=(thing,), component=component, port=port, browser=browser
    )

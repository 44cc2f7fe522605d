"""`build`: an image of what the source is now, or of one commit."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work


@app.command(CommandRight(verbs="get, patch", resource="applications (argosy.dev)"))
def build(
    application: arguments.Application,
    component: arguments.Component = "",
    commit: Annotated[
        str, typer.Option(help="This commit, given whole (default: that of the ref).")
    ] = "",
) -> Work:
    """Build the images of an application anew; each is used once it is built.

    Example: kubectl argosy build shop --component web
    """
    from controller.cli import builds

    return functools.partial(
        builds.ask, application=application, component=component, commit=commit
    )

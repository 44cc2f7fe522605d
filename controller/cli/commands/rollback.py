"""`rollback`: back to a revision that ran well."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import Work


@app.command(*rights.OPERATE)
def rollback(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Application,
    component: arguments.Components = None,
    to: Annotated[
        str,
        typer.Option("--to", help="A revision's number or hash (default: the one before)."),
    ] = "",
    timeout: arguments.Seconds = 0,
    called: arguments.Name = "",
    detach: arguments.Detach = False,
) -> Work:
    """Go back to an earlier revision that ran in good health; `history` lists them.

    Example: kubectl argosy rollback shop --component web --to 7
    """
    from controller.api.choices import Action
    from controller.cli import operations

    spec = {
        "components": component,
        "parameters": {"revision": to} if to else None,
        **arguments.bounds(timeout=timeout),
    }
    return functools.partial(
        operations.begin,
        application=application,
        action=Action.ROLL_BACK,
        spec=spec,
        detach=detach,
        name=called,
    )

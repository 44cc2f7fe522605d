"""`delete`: an application and all that it consists of."""

from __future__ import annotations

import dataclasses
import functools

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="get, delete", resource="applications (argosy.dev)"),
    rights.PLAN,
    dataclasses.replace(rights.REFINE, why="to show what goes; what may not be read is said"),
    rights.EVERYWHERE,
)
def delete(
    application: arguments.Application,
    yes: arguments.Yes = False,
    detach: arguments.Detach = False,
    timeout: arguments.Timeout = 0,
) -> Work:
    """Delete an application: show what goes, in order, ask, and see it gone.

    Example: kubectl argosy delete shop
    """
    from controller.cli import deletion

    return functools.partial(
        deletion.delete, application=application, yes=yes, detach=detach, timeout_seconds=timeout
    )

"""`cancel`: an operation or a Build that goes no further."""

from __future__ import annotations

import functools
from typing import Annotated

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="get, patch", resource="operations, builds (argosy.dev)"),
    rights.named("operations, builds (argosy.dev)"),
)
def cancel(work: Annotated[list[str], arguments.work()], detach: arguments.Detach = False) -> Work:
    """Cancel an operation, whose acts get their grace, or a Build: nothing new starts.

    Example: kubectl argosy cancel restart-web
    """
    from controller.cli import operations

    return functools.partial(operations.cancel, given=work, detach=detach)

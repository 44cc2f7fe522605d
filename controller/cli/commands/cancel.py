"""`cancel`: an operation that goes no further."""

from __future__ import annotations

import functools
from typing import Annotated

from controller.cli import app, arguments, rights
from controller.cli.app import Work


@app.command(rights.CHANGE_OPERATION)
def cancel(
    operation: Annotated[list[str], arguments.operations()], detach: arguments.Detach = False
) -> Work:
    """Cancel an operation: acts under way get their grace, nothing new starts.

    Example: kubectl argosy cancel restart-web
    """
    from controller.cli import operations

    return functools.partial(operations.cancel, given=operation, detach=detach)

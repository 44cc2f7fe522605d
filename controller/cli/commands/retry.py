"""`retry`: an operation that has ended goes on."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    rights.CHANGE_OPERATION,
    CommandRight(
        verbs="create", resource="pods/exec; jobs (batch)", why="where the operation has such steps"
    ),
    CommandRight(verbs="get", resource="secrets", why="where a step has headersFrom"),
)
def retry(
    operation: Annotated[list[str], arguments.operations()],
    step: Annotated[str, typer.Option("--from", help="The step to start again at.")] = "",
    parameter: arguments.Parameters = None,
    detach: arguments.Detach = False,
) -> Work:
    """Let a failed or cancelled operation go on with the servers that it has not finished.

    Example: kubectl argosy retry upgrade --from migrate
    """
    from controller.cli import operations

    return functools.partial(
        operations.retry,
        given=operation,
        step=step,
        parameters=operations.pairs(parameter),
        detach=detach,
    )

"""`run-steps`, or `run APPLICATION`: a command, or steps, in many servers."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    *rights.OPERATE,
    CommandRight(verbs="create", resource="pods/exec"),
    CommandRight(verbs="create", resource="jobs (batch)", why="where a step is a job"),
    CommandRight(verbs="get", resource="secrets", why="where a step has headersFrom"),
)
def run_steps(  # noqa: PLR0917 - each is an option, given by name
    application: arguments.Application,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="Run it in each server.")
    ] = None,
    file: Annotated[
        pathlib.Path | None,
        typer.Option("--filename", "-f", help="An Operation, or a list of its steps; - for stdin."),
    ] = None,
    component: arguments.Components = None,
    servers: arguments.Servers = "",
    container: Annotated[str, typer.Option(help="Where the command runs.")] = "",
    parameter: arguments.Parameters = None,
    concurrency: arguments.Concurrency = "",
    failure_budget: arguments.Budget = "",
    timeout: arguments.Seconds = 0,
    called: arguments.Name = "",
    detach: arguments.Detach = False,
) -> Work:
    """Run a command, or steps, in servers; `run APPLICATION` for short.

    Example: kubectl argosy run shop --component web -- nginx -s reload
    """
    from controller.api.choices import Action
    from controller.cli import operations

    async def begin(session: Session) -> int:
        chosen = {
            "components": component,
            "servers": servers,
            "parameters": operations.pairs(parameter),
            **arguments.bounds(concurrency, failure_budget, timeout),
        }
        spec = operations.steps(file, command or (), container)
        spec |= {key: value for key, value in chosen.items() if value}
        return await operations.begin(
            session, application, Action.STEPS, spec, detach=detach, name=called
        )

    return begin

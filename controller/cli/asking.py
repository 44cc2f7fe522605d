"""The commands that ask the operator's own planners: why, explain, plan."""

from __future__ import annotations

import functools
import pathlib
from typing import Annotated

import typer

from controller.cli import app, arguments
from controller.cli.app import Right, Work
from controller.cli.arguments import Data

OURS = "applications, serversets, servers, operations (argosy.dev)"
PLANNING = (
    Right(verbs="list, watch", resource=OURS),
    Right(
        verbs="list, watch",
        resource="pods, services, persistentvolumeclaims; jobs (batch); controllerrevisions (apps)",
        why="without them the answer is less exact, and says so",
    ),
    Right(
        verbs="list, watch",
        resource="fleets (argosy.dev); namespaces",
        why="the same",
        everywhere=True,
    ),
    Right(
        verbs="list",
        resource="leases (coordination.k8s.io)",
        why="to say whether an operator runs",
        everywhere=True,
    ),
)


@app.command(app.ASK, *PLANNING)
def why(thing: arguments.Thing, output: arguments.OutputData = Data.TEXT) -> Work:
    """Say why something is as it is: what it waits for, since when, what helps, what is next.

    Example: kubectl argosy why server/shop-web-3
    """
    from controller.cli import why as answers  # noqa: PLC0415 - imported when asked for

    return functools.partial(answers.tell, given=thing, form=output.value)


@app.command(app.ASK, *PLANNING)
def explain(thing: arguments.Thing, output: arguments.OutputData = Data.TEXT) -> Work:
    """Do as `why`: argosy explain KIND NAME.

    Example: argosy explain application shop
    """
    return why(thing, output)


@app.command(
    app.ASK,
    *PLANNING,
    # As a dry run, which needs the rights of the real one.
    Right(verbs="get, create, patch", resource="applications (argosy.dev)"),
)
def plan(
    filename: Annotated[
        pathlib.Path, typer.Option("--filename", "-f", help="Applications as YAML; - for stdin.")
    ],
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """Show what would change if this were applied; change nothing.

    Example: kubectl argosy plan -f shop.yaml
    """
    from controller.cli import preview  # noqa: PLC0415 - imported when asked for

    return functools.partial(preview.show, file=filename, form=output.value)

"""`pause`: nothing is changed until somebody resumes."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="patch", resource="applications, operations (argosy.dev)"),
    rights.named("applications, operations (argosy.dev)"),
)
def pause(thing: arguments.Thing) -> Work:
    """Pause an application (nothing is changed; deletes still run), or an operation.

    Example: kubectl argosy pause application/shop
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=thing,
        kinds=(Resource.APPLICATIONS, Resource.OPERATIONS),
        body={"spec": requests.PAUSE},
        said=" is paused",
    )

"""`force`: the end of a wait for what does not go."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import Right, Work


@app.command(
    Right(verbs="patch", resource="applications, servers (argosy.dev)"),
    rights.named("applications, servers (argosy.dev)"),
)
def force(thing: arguments.Thing) -> Work:
    """Take down by force what does not go in time: sets onTimeout of a server or an application.

    Example: kubectl argosy force server/shop-web-3
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=thing,
        kinds=(Resource.SERVERS, Resource.APPLICATIONS),
        body={"spec": requests.FORCE},
        said=": what does not go in time is taken down by force",
    )

"""`retry-now`: at once what would be tried later, or not at all."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="patch", resource="applications, serversets, servers (argosy.dev)"),
    rights.named("applications, serversets, servers (argosy.dev)"),
)
def retry_now(thing: arguments.Thing) -> Work:
    """Try again at once what failed: forget backoffs, spent budgets and rejected revisions.

    Example: kubectl argosy retry-now server/shop-web-3
    """
    from controller.api.resources import Resource
    from controller.cli import operations, screen
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=thing,
        kinds=(Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS),
        body=requests.retry_now(screen.now()),
        said=" is tried again now",
    )

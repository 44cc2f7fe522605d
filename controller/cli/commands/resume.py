"""`resume`: what was paused goes on."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="patch", resource="applications, operations (argosy.dev)"),
    rights.named("applications, operations (argosy.dev)"),
)
def resume(thing: arguments.Thing) -> Work:
    """Resume what was paused.

    Example: kubectl argosy resume application/shop
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=thing,
        kinds=(Resource.APPLICATIONS, Resource.OPERATIONS),
        body={"spec": requests.RESUME},
        said=" goes on",
    )

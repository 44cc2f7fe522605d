"""`force`: the end of a wait for what does not go."""

from __future__ import annotations

import functools

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="get, patch", resource="servers (argosy.dev)"),
    CommandRight(verbs="list", resource="servers (argosy.dev)", why="of an application"),
    rights.named("applications, servers (argosy.dev)"),
)
def force(thing: arguments.Thing) -> Work:
    """Take down by force what does not go: a server's instance, or all of an application's.

    Example: kubectl argosy force server/shop-web-3
    """
    from controller.cli import operations

    return functools.partial(operations.force, given=thing)

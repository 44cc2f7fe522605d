"""`hold`: a server is left alone."""

from __future__ import annotations

import functools
from typing import Annotated

from controller.cli import app, arguments
from controller.cli.app import Right, Work


@app.command(Right(verbs="patch", resource="servers (argosy.dev)"))
def hold(server: Annotated[list[str], arguments.servers()]) -> Work:
    """Hold a server, to look into it: rollouts and operations leave it alone.

    Example: kubectl argosy hold shop-web-3
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=server,
        kinds=(Resource.SERVERS,),
        body={"spec": requests.HOLD},
        said=" is held: rollouts and operations leave it alone until it is released",
    )

"""`release`: a server that is held is let go of."""

from __future__ import annotations

import functools
from typing import Annotated

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work


@app.command(CommandRight(verbs="patch", resource="servers (argosy.dev)"))
def release(server: Annotated[list[str], arguments.servers()]) -> Work:
    """Let go of a server that is held.

    Example: kubectl argosy release shop-web-3
    """
    from controller.api.resources import Resource
    from controller.cli import operations
    from controller.presentation import requests

    return functools.partial(
        operations.patch,
        given=server,
        kinds=(Resource.SERVERS,),
        body={"spec": requests.RELEASE},
        said=" is released",
    )

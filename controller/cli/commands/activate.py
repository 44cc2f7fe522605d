"""`activate`: the image of an earlier Build, used again."""

from __future__ import annotations

import functools
from typing import Annotated

from controller.cli import app, arguments
from controller.cli.app import CommandRight, Work


@app.command(
    CommandRight(verbs="get, list, create", resource="builds (argosy.dev)"),
    CommandRight(verbs="get", resource="applications (argosy.dev)"),
)
def activate(build: Annotated[list[str], arguments.builds()]) -> Work:
    """Use the image of an earlier Build again, until a later one succeeds.

    Example: kubectl argosy activate build/shop-web-b3
    """
    from controller.cli import builds

    return functools.partial(builds.activate, given=build)

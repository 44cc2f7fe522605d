"""`browse`: what the other commands show, as screens to walk through."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from controller.cli import app, arguments, rights
from controller.cli.app import Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    rights.READ,
    dataclasses.replace(rights.FOLLOW, why=""),
    rights.REFINE,
    rights.EVERYWHERE,
    rights.OPERATOR,
)
def browse(everywhere: arguments.Everywhere = False) -> Work:
    """Walk through applications in the terminal: their servers, why they are so, operations.

    Example: kubectl argosy browse -A
    """
    import importlib.util
    import sys

    from controller.presentation.problems import Refusal, UsageError

    async def show(session: Session) -> int:
        if importlib.util.find_spec("textual") is None:
            raise Refusal("the package textual is missing: pip install 'argosy[tui]'")
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("browse needs a terminal; `top` and `status` print")
        from controller.cli.browsing.program import Browser
        from controller.presentation import applications
        from controller.presentation.applications import Chosen

        space = "" if everywhere else session.namespace
        async with applications.follow(session.api, Chosen(namespace=space)) as followed:
            await Browser(session.api, followed, cluster=session.server).run_async()
        return 0

    return show

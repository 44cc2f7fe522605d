"""`history`: the revisions that an application has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.cli import app, arguments, rights
from controller.cli.app import Work
from controller.cli.arguments import Data

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(rights.READ, rights.REVISIONS)
def history(
    application: arguments.Application,
    component: arguments.Component = "",
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """List the revisions of an application: target, proven, rejected, and who runs them.

    Example: kubectl argosy history shop
    """
    from controller.cli import screen
    from controller.cli.drawing import revisions as drawing
    from controller.presentation import revisions

    async def show(session: Session) -> int:
        found = await revisions.read(
            session.api, session.namespace, application, component, screen.now()
        )
        screen.answer(found, output.value, drawing.table)
        return 0

    return show

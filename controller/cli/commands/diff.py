"""`diff`: what sets two revisions apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import Work

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(rights.READ, rights.REVISIONS)
def diff(
    application: arguments.Application,
    component: arguments.Component = "",
    revision: Annotated[
        str, typer.Option(help="The revision to compare with, by hash (default: the one before).")
    ] = "",
) -> Work:
    """Show what sets a revision apart from the one that servers should run.

    Example: kubectl argosy diff shop --component web
    """
    from controller.cli import screen
    from controller.cli.drawing import revisions as drawing
    from controller.presentation import revisions

    async def show(session: Session) -> int:
        found = await revisions.read(
            session.api, session.namespace, application, component, screen.now()
        )
        for each in revisions.compare(found, revision):
            if each.other is None:
                screen.note(f"{each.now.component}: {each.now.revision} is its only revision")
            for line in drawing.difference(each.lines()):
                screen.output().print(line, soft_wrap=True)
        return 0

    return show

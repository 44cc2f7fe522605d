"""`events`: what has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work
from controller.cli.arguments import Data

if TYPE_CHECKING:
    from controller.cli.session import Session


@app.command(
    rights.READ,
    CommandRight(verbs="list", resource="events (events.k8s.io)"),
    CommandRight(verbs="watch", resource="events (events.k8s.io)", why="-w"),
)
def events(
    application: arguments.AnyApplication = "",
    everywhere: arguments.Everywhere = False,
    watch: arguments.Watch = False,
    output: arguments.OutputData = Data.TEXT,
) -> Work:
    """Show what happened to an application and its parts, the latest last.

    Example: kubectl argosy events shop -w
    """
    from controller.cli import screen
    from controller.cli.drawing import events as drawing
    from controller.presentation import documents
    from controller.presentation import events as happened

    async def show(session: Session) -> int:
        space = "" if everywhere else session.namespace
        told = await happened.read(session.api, space, application)
        if output.value in documents.FORMS:
            screen.data(told.found, output.value)
            return 0
        if not told.found and not watch:
            screen.note("No events: Argosy records only what a person would want to know.")
            return 0
        found = map(happened.happening, told.found)
        screen.output().print(drawing.table(found, screen.now()))
        if watch:
            async for each in happened.follow(session.api, space, told):
                screen.output().print(drawing.table([each], screen.now(), header=False))
        return 0

    return show

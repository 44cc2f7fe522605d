"""`why`, and `explain`: the reasons, down to what is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work
from controller.cli.arguments import Data

if TYPE_CHECKING:
    from controller.cli.session import Session

LINES = CommandRight(verbs="get", resource="pods/log", why="the last lines of what crashed")
NEEDED = (rights.PLAN, rights.REFINE, LINES, rights.EVERYWHERE, rights.OPERATOR)
NAMED = rights.named(rights.OURS)


@app.command(*NEEDED, NAMED)
def why(thing: arguments.Thing, output: arguments.OutputData = Data.TEXT) -> Work:
    """Say why something is as it is: what it waits for, since when, what helps, what is next.

    Example: kubectl argosy why server/shop-web-3
    """
    from controller.cli import screen
    from controller.cli.drawing import answer
    from controller.presentation import answers

    async def tell(session: Session) -> int:
        meant = await session.find(thing)
        space = meant.space(session.namespace)
        async with screen.working(f"reading namespace {space}" if space else "reading"):
            told = await answers.read(
                session.api, meant, session.namespace, screen.now(), lines=True
            )
        screen.answer(
            told, output.value, lambda found: answer.draw(found, screen.now()), unbroken=True
        )
        return 0

    return tell


@app.command(*NEEDED, NAMED)
def explain(thing: arguments.Thing, output: arguments.OutputData = Data.TEXT) -> Work:
    """Do as `why`: argosy explain KIND NAME.

    Example: argosy explain application shop
    """
    return why(thing, output)

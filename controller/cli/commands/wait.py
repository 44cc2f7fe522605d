"""`wait`: until something is as asked for, or cannot come to be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli import app, arguments, rights
from controller.cli.app import CommandRight, Work

if TYPE_CHECKING:
    from controller.cli.session import Session

POLL_SECONDS = 0.5


@app.command(
    CommandRight(verbs="get", resource=rights.OURS),
    CommandRight(
        verbs="get", resource="fleets (argosy.dev)", why="to wait for one", everywhere=True
    ),
)
def wait(
    thing: arguments.Thing,
    wanted: Annotated[
        str,
        typer.Option(
            "--for",
            help="Ready, Succeeded, another condition as TYPE=STATUS, or deleted.",
        ),
    ] = "",
    timeout: arguments.Timeout = 600,
) -> Work:
    """Wait until something is ready, or an operation has succeeded, or it is gone.

    Example: kubectl argosy wait application/shop --timeout 300
    """
    from controller.cli import screen
    from controller.presentation import waiting
    from controller.presentation.problems import Refusal, TookTooLongError

    async def look(session: Session) -> int:
        meant = await session.find(thing, gone=waiting.is_absence(wanted))
        goal = waiting.goal(wanted, meant)
        why = session.target.typed(f"why {meant}")
        try:
            async with asyncio.timeout(timeout or None), screen.working(f"{meant}") as work:
                while True:
                    now = await waiting.look(session.api, session.namespace, meant, goal)
                    if now.outcome is waiting.WaitResult.MET:
                        screen.say(now.message)
                        return 0
                    if now.outcome is waiting.WaitResult.OVER:
                        raise Refusal(f"{now.message.removesuffix('.')}: {why}")
                    work.say(now.message)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise TookTooLongError(
                f"{meant} is not {goal.kind.lower()} after {timeout:g} seconds: {why}"
            ) from error

    return look

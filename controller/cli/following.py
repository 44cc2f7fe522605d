"""An operation followed to its end, with a bar; Ctrl-C asks whether to leave it or to cancel it.

`operations` calls this after it has made, retried or cancelled one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import rich.live
import rich.text

from controller.api.resources import Resource
from controller.cli import failures, interrupts, screen
from controller.cli.drawing import operation as drawing
from controller.cli.session import INTERRUPTED, Session
from controller.presentation import pictures, requests
from controller.presentation.following import POLL_SECONDS, looks
from controller.presentation.pictures import OperationPicture


async def follow(session: Session, name: str, *, answered: bool = False) -> int:
    """Show the operation until its end; return 0 if it succeeded, else 1.

    With `answered` the end must come after what was last asked of it.
    """
    interrupted = asyncio.Event()
    view = _Screen() if sys.stdout.isatty() else _Lines()
    with interrupts.instead(interrupted.set), view:
        async for found in looks(session.api, session.namespace, name, answered=answered):
            shown = pictures.operation(found, screen.now())
            view.show(shown)
            if shown.succeeded != "Unknown":
                return _end(session, shown)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await interrupted.wait()
            if interrupted.is_set():
                break
    return await _interrupted(session, name)


def _end(session: Session, shown: OperationPicture) -> int:
    colour = "green" if shown.succeeded == "True" else "red"
    screen.say(rich.text.Text.assemble((shown.reason, colour), f": {shown.message}"))
    if shown.succeeded == "True":
        return 0
    if not sys.stdout.isatty():
        for each in shown.failures[: drawing.MOST_FAILURES]:
            screen.say(f"  {each.server} {each.step}: {each.message}")
    typed = session.target.typed
    screen.say(f"  why it is so: {typed(f'why operation/{shown.name}')}")
    screen.say(f"  to go on:     {typed(f'retry {shown.name}')}")
    return failures.FAILED


async def _interrupted(session: Session, name: str) -> int:
    """Ask what becomes of the operation; where nobody can answer, it is left running."""
    answer = None
    if sys.stdin.isatty():
        screen.say("")
        answer = await screen.ask(f"Leave {name} running, or cancel it? [L/c] ")
    if answer is not None and answer.startswith("c"):
        body = {"spec": requests.CANCEL}
        await session.api.patch(
            Resource.OPERATIONS, session.namespace, name, body, field_manager="kubectl-argosy"
        )
        screen.say(f"{name} is being cancelled: {session.target.typed(f'why operation/{name}')}")
    else:
        screen.say(f"{name} goes on; to cancel it: {session.target.typed(f'cancel {name}')}")
    return INTERRUPTED


class _Lines:
    """For pipes and logs: one line for each change."""

    def __init__(self) -> None:
        self._last = ""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return

    def show(self, shown: OperationPicture) -> None:
        """Print the operation's state where it is another than before."""
        waits = "; ".join(f"waits for {each.object}: {each.message}" for each in shown.waits[:3])
        counts = f" ({shown.running} in flight, {shown.failed} failed)" if shown.total else ""
        line = f"{shown.name} {shown.reason} {shown.progress}{counts} {waits}".rstrip()
        if line != self._last:
            screen.output().print(line, soft_wrap=True)
            self._last = line


class _Screen:
    """For people: a bar, the steps, and what it waits for."""

    def __init__(self) -> None:
        self._live = rich.live.Live(console=screen.output(), refresh_per_second=8)

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *args: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, shown: OperationPicture) -> None:
        """Draw the operation."""
        self._live.update(drawing.draw(shown, screen.now()))

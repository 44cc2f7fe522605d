"""An operation followed to its end, with a bar; Ctrl-C asks whether to leave it or to cancel it.

`operations` calls this after it has made, retried or resumed one. It looks once in a while with a
GET: that needs no right to watch, and outlives any interruption.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator

import rich.console
import rich.live
import rich.text

from controller import errors
from controller.api import objects
from controller.api.resources import Resource
from controller.cli import failures, pictures, reading, screen, status_text
from controller.cli.pictures import OperationPicture
from controller.cli.session import INTERRUPTED, Session

POLL_SECONDS = 0.5
# Troubles of the connection are outlived for so long.
PATIENCE_SECONDS = 30.0
MOST_FAILURES = 5
TRIES = round(PATIENCE_SECONDS / POLL_SECONDS)


async def follow(session: Session, name: str, *, after: str = "") -> int:
    """Show the operation until its end; return 0 if it succeeded, else 1.

    `after` is the resourceVersion of a write that must be answered first: until the operator has
    seen it, an earlier end is not the one that is waited for.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    try:
        view = _Screen() if sys.stdout.isatty() else _Lines()
        with view:
            async for found in _versions(session, name, after):
                shown = pictures.operation(found, screen.now())
                view.show(shown, found)
                if shown.succeeded != "Unknown":
                    return _end(session, shown, found)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await interrupted.wait()
                if interrupted.is_set():
                    break
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return await _interrupted(session, name)


async def _versions(session: Session, name: str, after: str) -> AsyncIterator[objects.Operation]:
    """Yield the operation as it is now, again and again."""
    failed = 0
    generation = 0
    while True:
        try:
            found = await reading.one(session.api, objects.Operation, session.namespace, name)
        except errors.Transient as error:
            failed += 1
            if failed > TRIES or type(error).__name__ == "NotFound":
                raise
            await asyncio.sleep(POLL_SECONDS)
            continue
        failed = 0
        generation = generation or found.metadata.generation
        seen = not after or found.status.observed_generation >= generation
        if seen:
            yield found
        else:
            await asyncio.sleep(POLL_SECONDS)


def _end(session: Session, shown: OperationPicture, found: objects.Operation) -> int:
    colour = "green" if shown.succeeded == "True" else "red"
    screen.say(f"[{colour}]{shown.reason}[/]: {screen.escape(shown.message)}")
    if shown.succeeded == "True":
        return 0
    if not sys.stdout.isatty():
        for each in found.status.failures[:MOST_FAILURES]:
            screen.say(f"  {each.server} {each.step}: {screen.escape(each.message)}")
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
        body = {"spec": {"cancelled": True}}
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

    def show(self, shown: OperationPicture, _found: objects.Operation) -> None:
        """Print the operation's state where it is another than before."""
        waits = "; ".join(f"waits for {each.object}: {each.message}" for each in shown.waits[:3])
        counts = f" ({shown.running} in flight, {shown.failed} failed)" if shown.total else ""
        line = f"{shown.name} {shown.reason} {shown.progress}{counts} {waits}".rstrip()
        if line != self._last:
            screen.output().print(line, markup=False, soft_wrap=True)
            self._last = line


class _Screen:
    """For people: a bar, the steps, and what it waits for."""

    def __init__(self) -> None:
        self._live = rich.live.Live(console=screen.output(), refresh_per_second=8)

    def __enter__(self) -> None:
        self._live.__enter__()

    def __exit__(self, *args: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, shown: OperationPicture, found: objects.Operation) -> None:
        """Draw the operation."""
        self._live.update(draw(shown, found, screen.now()))


def draw(
    shown: OperationPicture, found: objects.Operation, now: float
) -> rich.console.RenderableType:
    """Return an operation on its way: its bar, its steps, its failures, what it waits for."""
    parts: list[rich.console.RenderableType] = [status_text.operations([shown])]
    if len(found.status.steps) > 1:
        for each in found.status.steps:
            line = rich.text.Text(f"    {each.name}: {each.passed} passed")
            line.append(f", {each.running} at it" if each.running else "")
            line.append(f", {each.failed} failed" if each.failed else "", style="red")
            parts.append(line)
    for failure in found.status.failures[:MOST_FAILURES]:
        line = rich.text.Text(f"    ✗ {failure.server}", style="red")
        line.append(f" {failure.step}: {failure.message}", style="default")
        parts.append(line)
    parts += [status_text.waiting(each, now) for each in shown.waits[:3]]
    return rich.console.Group(*parts)

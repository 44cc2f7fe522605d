"""The steps of `delete`: tell what goes, in which order, ask, delete, and see it gone."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import rich.live
import rich.text

from controller.api import names, objects
from controller.api.resources import Resource
from controller.cli import failures, screen
from controller.cli.drawing import preview as drawing
from controller.cli.drawing import status
from controller.cli.session import INTERRUPTED, Session
from controller.presentation import applications, preview, reading
from controller.presentation.pictures import ApplicationPicture
from controller.presentation.problems import TookTooLongError, UsageError

POLL_SECONDS = 0.5


async def delete(
    session: Session, application: str, *, yes: bool, detach: bool, timeout_seconds: float
) -> int:
    """Show what deleting the application takes down, ask, delete it, and see it gone."""
    found = await reading.one(session.api, objects.Application, session.namespace, application)
    if found.metadata.deletion_timestamp is None:
        await _show(session, found)
        if not yes:
            answer = await _asked(application)
            if answer not in ("y", "yes"):
                screen.say("Nothing was deleted.")
                return INTERRUPTED if answer is None else failures.FAILED
        # Background, always: a foreground delete would take everything down at once.
        await session.api.delete(
            Resource.APPLICATIONS, session.namespace, application, uid=found.metadata.uid
        )
    if detach:
        screen.say(f"application.{names.GROUP}/{application} is being deleted")
        return 0
    return await _follow(session, found, timeout_seconds)


async def _show(session: Session, found: objects.Application) -> None:
    async with screen.working(f"reading namespace {session.namespace}"):
        told = await preview.of_delete(session.api, found, screen.now())
    name = f"{found.metadata.namespace}/{found.metadata.name}"
    screen.say(rich.text.Text.assemble("Deleting ", (name, "bold"), " takes down:"))
    if not any(each.servers for moment in told.steps for each in moment):
        screen.say("  no servers")
    screen.lines(drawing.order(preview.runs(told.steps, {})))
    screen.lines(drawing.claims(told.claims_deleted, told.claims_kept))
    policy = found.spec.deletion
    own = "as long as its template says to end"
    if policy.drain_seconds is not None:
        own = f"{policy.drain_seconds} seconds to end, or more if its template says so"
    limit = (
        f"Each server has {own}. One that cannot be torn down within"
        f" {policy.timeout_seconds} seconds: {policy.on_timeout}."
    )
    screen.say(rich.text.Text(limit, style="dim"))
    for note in told.notes:
        screen.note(note)


async def _asked(application: str) -> str | None:
    if not sys.stdin.isatty():
        raise UsageError(f"nobody to ask: delete {application} with --yes")
    return await screen.ask(f"Delete {application}? [y/N] ")


async def _follow(session: Session, found: objects.Application, timeout_seconds: float) -> int:
    """Show what is left until nothing is; raises TookTooLongError."""
    name, uid = found.metadata.name, found.metadata.uid
    live = rich.live.Live(console=screen.output(), refresh_per_second=4, transient=True)
    told = ""
    try:
        async with asyncio.timeout(timeout_seconds or None):
            with live if sys.stdout.isatty() else contextlib.nullcontext():
                while now := await applications.one(
                    session.api, session.namespace, name, screen.now(), uid=uid
                ):
                    if sys.stdout.isatty():
                        live.update(status.draw(now, screen.now()))
                    else:
                        told = _line(now, told)
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise TookTooLongError(
            f"{name} is not gone after {timeout_seconds:g} seconds; it goes on:"
            f" {session.target.typed(f'why application/{name}')}"
        ) from error
    screen.say(f"application.{names.GROUP}/{name} is gone")
    return 0


def _line(now: ApplicationPicture, told: str) -> str:
    left = sum(each.current for each in now.components)
    line = f"{now.name}: {left} {'server' if left == 1 else 'servers'} left"
    if line != told:
        screen.say(line)
    return line

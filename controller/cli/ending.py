"""`delete`: what goes, in which order, then the delete itself, followed until nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec
import rich.live
import rich.text

from controller.api import clock, names, objects
from controller.api.resources import Resource
from controller.cli import failures, pictures, preview, reading, screen, status_text
from controller.cli.session import INTERRUPTED, Session
from controller.kube import faults
from controller.presentation import forecast, inspection

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
    going = msgspec.structs.replace(found.metadata, deletion_timestamp=clock.stamp(screen.now()))
    async with (
        screen.working(f"reading namespace {session.namespace}"),
        inspection.look(session.api, session.namespace) as look,
    ):
        told = forecast.forecast(
            look.sources, msgspec.structs.replace(found, metadata=going), screen.now()
        )
        notes = look.notes
    count = sum(len(each.servers) for moment in told.steps for each in moment)
    screen.say(f"Deleting [bold]{found.metadata.namespace}/{found.metadata.name}[/] takes down:")
    for line in preview.order(told.steps, {}):
        screen.output().print(line)
    if not count:
        screen.say("  no servers")
    for fate in preview.claims(told.claims_deleted, told.claims_kept):
        screen.output().print(fate, soft_wrap=True)
    policy = found.spec.deletion
    own = "as long as its template says to end"
    if policy.drain_seconds is not None:
        own = f"{policy.drain_seconds} seconds to end, or more if its template says so"
    screen.say(
        f"[dim]Each server has {own}. One that cannot be torn down within"
        f" {policy.timeout_seconds} seconds: {policy.on_timeout}.[/]"
    )
    for note in notes:
        screen.note(note)


async def _asked(application: str) -> str | None:
    if not sys.stdin.isatty():
        raise failures.UsageError(f"nobody to ask: delete {application} with --yes")
    return await screen.ask(f"Delete {application}? [y/N] ")


async def _follow(session: Session, found: objects.Application, timeout_seconds: float) -> int:
    """Show what is left until nothing is; raises TookTooLongError."""
    name, uid = found.metadata.name, found.metadata.uid
    late = TimeoutError
    live = rich.live.Live(console=screen.output(), refresh_per_second=4, transient=True)
    told = ""
    try:
        async with asyncio.timeout(timeout_seconds or None):
            with live if sys.stdout.isatty() else contextlib.nullcontext():
                while (now := await _left(session, name, uid)) is not None:
                    if sys.stdout.isatty():
                        live.update(status_text.draw(now, screen.now()))
                    else:
                        told = _line(now, told)
                    await asyncio.sleep(POLL_SECONDS)
    except late as error:
        raise failures.TookTooLongError(
            f"{name} is not gone after {timeout_seconds:g} seconds; it goes on:"
            f" {session.target.typed(f'why application/{name}')}"
        ) from error
    screen.say(f"application.{names.GROUP}/{name} is gone")
    return 0


def _line(now: pictures.ApplicationPicture, told: str) -> str:
    left = sum(each.current for each in now.components)
    line = f"{now.name}: {left} servers left"
    if line != told:
        screen.say(line)
    return line


async def _left(session: Session, name: str, uid: str) -> pictures.ApplicationPicture | None:
    """Return what is left of the application; None if it is gone, or another has its name."""
    try:
        found = await reading.one(session.api, objects.Application, session.namespace, name)
    except faults.NotFound:
        return None
    if found.metadata.uid != uid:
        return None
    sets, servers, acts = await reading.below(session.api, session.namespace, name)
    return pictures.picture(found, sets, servers, acts, screen.now())

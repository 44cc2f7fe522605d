"""`wait`: until something is as asked for, or cannot come to be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from controller.api import conditions, resources
from controller.api.resources import Resource
from controller.cli import failures, reading, references, screen
from controller.cli.session import Session
from controller.kube import faults

POLL_SECONDS = 0.5
DELETED = "deleted"


async def wait(session: Session, given: Sequence[str], wanted: str, timeout_seconds: float) -> int:
    """Return 0 once it is so, 1 once it cannot be; raises TookTooLongError."""
    meant = references.parse(given)
    kind, _, status = (wanted or _usual(meant)).partition("=")
    try:
        async with asyncio.timeout(timeout_seconds or None), screen.working(f"{meant}") as work:
            while True:
                code = await _look(session, meant, kind, status or "True", work)
                if code is not None:
                    return code
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise failures.TookTooLongError(
            f"{meant} is not {kind.lower()} after {timeout_seconds:g} seconds:"
            f" {session.target.typed(f'why {meant}')}"
        ) from error


async def _look(
    session: Session, meant: references.Reference, kind: str, status: str, work: screen.Working
) -> int | None:
    """Return the exit code, or None where there is more to wait for."""
    view: Any = resources.PLACES[meant.resource].view
    space = "" if meant.resource is Resource.FLEETS else session.namespace
    try:
        found = await reading.one(session.api, view, space, meant.name)
    except faults.NotFound:
        if kind.lower() != DELETED:
            raise
        screen.say(f"{meant} is gone")
        return 0
    work.say(f"{meant}: {_standing(found.status.conditions)}")
    if kind.lower() == DELETED:
        return None
    if found.status.observed_generation < found.metadata.generation:
        return None
    told = found.status.conditions
    held = next((each for each in told if each.type.lower() == kind.lower()), None)
    if held is not None and held.status.lower() == status.lower():
        screen.say(f"{meant} {held.type}={held.status}: {screen.escape(held.message)}")
        return 0
    stalled = conditions.find(told, "Stalled")
    over = kind.lower() == "succeeded" and held is not None and held.status == "False"
    if over or (stalled is not None and stalled.status == "True"):
        why = held if over and held is not None else stalled
        message = f"{why.reason}: {why.message}" if why is not None else ""
        raise failures.Refusal(f"{meant}: {message}; {session.target.typed(f'why {meant}')}")
    return None


def _standing(told: tuple[conditions.Condition, ...]) -> str:
    """Return how an object stands, in its own words."""
    held = conditions.find(told, "Succeeded") or conditions.find(told, "Ready")
    return f"{held.reason}: {held.message}" if held is not None else "not looked at yet"


def _usual(meant: references.Reference) -> str:
    return "Succeeded" if meant.resource is Resource.OPERATIONS else "Ready"

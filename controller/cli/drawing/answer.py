"""Why an object is as it is, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import rich.console
import rich.text

from controller.api import clock
from controller.api.conditions import Blocked
from controller.cli.drawing import status
from controller.presentation.answers import Answer
from controller.presentation.spans import age

_COLOURS = {"True": "green", "False": "red"}


def draw(found: Answer, now: float) -> rich.console.Group:
    """Return the answer for a terminal."""
    title = rich.text.Text()
    title.append(found.object, style="bold")
    title.append("  ")
    title.append(found.reason, style=_COLOURS.get(found.ready, "yellow"))
    if clock.parse(found.since):
        title.append(f" for {age(now - clock.parse(found.since))}")
    if found.domain:
        title.append(f"  in {found.domain}", style="dim")
    parts: list[rich.console.RenderableType] = [title]
    told = (found.message, found.meaning, found.remedy)
    parts += [rich.text.Text(each) for each in told if each]
    if found.command and not any(each.remedy for each in found.waits):
        parts.append(rich.text.Text(f"→ {found.command}", style="cyan"))
    if found.waits:
        parts.append(rich.text.Text("\nWaits for", style="bold"))
        parts += [status.waiting(_beyond(each, found), now) for each in found.waits]
    if found.below:
        parts.append(rich.text.Text("\nBecause of", style="bold"))
        for each in found.below:
            parts += _branch(each, depth=1)
    for said in found.printed:
        heading = f"\nLast lines of {said.server} ({said.container})"
        parts.append(rich.text.Text(heading, style="bold"))
        parts += [rich.text.Text(f"  {each}") for each in said.lines]
    parts.append(rich.text.Text("\nNext", style="bold"))
    nothing = ("nothing: all is as asked for" if found.ready == "True" else "nothing for now",)
    plan = [each for each in found.plan if each != found.message]
    parts += [rich.text.Text(f"  {each}") for each in plan or nothing]
    notes = [each for each in (found.operator, found.replica, *found.notes) if each]
    parts += [rich.text.Text(f"\n{each}", style="dim") for each in notes]
    return rich.console.Group(*parts)


def _branch(found: Answer, depth: int) -> Iterator[rich.text.Text]:
    """Yield what is to blame, and below it what is to blame for that; remedies at the leaves."""
    room = "  " * depth
    line = rich.text.Text(f"{room}{found.object}  ")
    line.append(found.reason, style=_COLOURS.get(found.ready, "yellow"))
    line.append(f": {found.message}" if found.message else "")
    yield line
    for each in found.below:
        yield from _branch(each, depth + 1)
    if not found.below:
        remedies = [each.remedy for each in found.waits if each.remedy] or [found.command]
        for remedy in dict.fromkeys(filter(None, remedies)):
            yield rich.text.Text(f"{room}  → {remedy}", style="cyan")


def _beyond(waited: Blocked, found: Answer) -> Blocked:
    """Return what is waited for, without a message that was told already."""
    return (
        msgspec.structs.replace(waited, message="") if waited.message == found.message else waited
    )

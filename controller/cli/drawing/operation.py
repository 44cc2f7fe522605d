"""An operation on its way, on a terminal."""

from __future__ import annotations

import rich.console
import rich.text

from controller.cli.drawing import status
from controller.presentation.pictures import OperationPicture
from controller.presentation.spans import age

MOST_FAILURES, MOST_WAITS = 5, 3


def draw(shown: OperationPicture, now: float) -> rich.console.RenderableType:
    """Return an operation on its way: its bar, its steps, its failures, what it waits for."""
    parts: list[rich.console.RenderableType] = [status.operations([shown])]
    if len(shown.steps) > 1:
        for each in shown.steps:
            line = rich.text.Text(f"    {each.name}: {each.passed} passed")
            line.append(f", {each.running} at it" if each.running else "")
            line.append(f", {each.failed} failed" if each.failed else "", style="red")
            parts.append(line)
    for failure in shown.failures[:MOST_FAILURES]:
        line = rich.text.Text(f"    ✗ {failure.server}", style="red")
        line.append(f" {failure.step}: {failure.message}", style="default")
        parts.append(line)
    if shown.left_seconds is not None:
        parts.append(rich.text.Text(f"    about {age(shown.left_seconds)} left", style="dim"))
    parts += [status.waiting(each, now) for each in shown.waits[:MOST_WAITS]]
    return rich.console.Group(*parts)

"""The parts of a support bundle as text, as they would be seen on a terminal."""

from __future__ import annotations

import io

from controller.cli import screen
from controller.cli.drawing import answer, status
from controller.presentation import control_characters
from controller.presentation.answers import Answer
from controller.presentation.pictures import ApplicationPicture

WIDTH = 120


def text(part: str | ApplicationPicture | Answer, now: float) -> str:
    """Return a part of the bundle as text."""
    match part:
        case str():
            return control_characters.visible(part)
        case ApplicationPicture():
            drawn = status.draw(part, now, wide=True)
        case Answer():
            drawn = answer.draw(part, now)
    console = screen.SafeConsole(width=WIDTH, file=io.StringIO(), no_color=True, emoji=False)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()

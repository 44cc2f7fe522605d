"""The output to the terminal: colours only where somebody sees them.

Every command prints through here; only `exec`, and `logs` through a pipe, hand on what they get as
kubectl does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar

import rich.console
import rich.segment
import rich.status
import rich.text

from controller.cli import interrupts
from controller.presentation import control_characters, documents

T = TypeVar("T")

Clock = Callable[[], float]
now: Clock = time.time

# For so long nobody wonders what a command is at.
PATIENCE_SECONDS = 1.0


class SafeConsole(rich.console.Console):
    """Prints nothing that steers a terminal, but what this program itself draws with."""

    def render(
        self,
        renderable: rich.console.RenderableType,
        options: rich.console.ConsoleOptions | None = None,
    ) -> Iterator[rich.segment.Segment]:
        """Yield the pieces of a drawing; controls in its texts are made visible."""
        for each in super().render(renderable, options):
            if each.control or not control_characters.are_in(each.text):
                yield each
            else:
                yield each._replace(text=control_characters.visible(each.text))


def _console(*, stderr: bool = False) -> SafeConsole:
    seen = (sys.stderr if stderr else sys.stdout).isatty()
    # A pipe has no width: lines stay whole, as kubectl's do.
    width = None if seen or "COLUMNS" in os.environ else 10_000
    return SafeConsole(
        stderr=stderr,
        width=width,
        highlight=False,
        emoji=False,
        markup=False,
        no_color=None if seen else True,
    )


@functools.cache
def output() -> SafeConsole:
    """Return what writes to standard output."""
    return _console()


class Working:
    """The line that a command shows while it works: it goes when that ends; nothing on a pipe."""

    def __init__(self, text: str) -> None:
        self._status = rich.status.Status(rich.text.Text(text, style="dim"), console=errors())

    def say(self, text: str) -> None:
        """Say something else from now on."""
        self._status.update(rich.text.Text(text, style="dim"))

    async def show(self) -> None:
        """Begin once it takes long enough for somebody to wonder."""
        await asyncio.sleep(PATIENCE_SECONDS)
        self._status.start()

    def end(self) -> None:
        """Take the line away."""
        self._status.stop()


@contextlib.asynccontextmanager
async def working(text: str) -> AsyncIterator[Working]:
    """Say what is worked at, to somebody at a terminal, if it takes long."""
    work = Working(text)
    shown = asyncio.ensure_future(work.show()) if errors().is_terminal else None
    try:
        yield work
    finally:
        if shown is not None:
            shown.cancel()
        work.end()


async def ask(question: str) -> str | None:
    """Return what somebody at the terminal answers, in lower case; None where it is Ctrl-C.

    Not `input` in a thread: nothing ends a read of a terminal, and so the process would not end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def told(line: str | None) -> None:
        if not answer.done():
            answer.set_result(line)

    loop.add_reader(sys.stdin, lambda: told(sys.stdin.readline()))
    try:
        with interrupts.instead(lambda: told(None)):
            # Whoever reads the question may answer it at once, by Ctrl-C as well.
            output().print(question, end="", soft_wrap=True)
            line = await answer
    finally:
        loop.remove_reader(sys.stdin)
    if line is None or not line.endswith("\n"):
        output().print()
    return line.strip().lower() if line is not None else None


@functools.cache
def errors() -> SafeConsole:
    """Return what writes to standard error."""
    return _console(stderr=True)


def say(text: str | rich.text.Text) -> None:
    """Print one line; brackets in it mean themselves."""
    output().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Print one line about the command itself, beside what it prints."""
    errors().print(rich.text.Text(text, style="dim"), soft_wrap=True)


def lines(parts: Iterable[rich.console.RenderableType]) -> None:
    """Print parts below each other; what is only text is never broken into lines."""
    for each in parts:
        output().print(each, soft_wrap=isinstance(each, str | rich.text.Text))


def answer(
    value: T,
    form: str,
    draw: Callable[[T], rich.console.RenderableType],
    *,
    unbroken: bool = False,
) -> None:
    """Print a command's answer: as a document for programs, or drawn for people.

    Lines that are `unbroken` can be copied whole, whatever the terminal's width.
    """
    if form in documents.FORMS:
        data(value, form)
    else:
        output().print(draw(value), soft_wrap=unbroken)


def data(value: Any, form: str) -> None:
    """Print a document for programs."""
    sys.stdout.write(documents.document(value, form) + "\n")

"""What is written to the terminal: colours only where somebody sees them, ages as kubectl has them.

Every command prints through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import rich.console
import rich.markup
import rich.status
import yaml

escape = rich.markup.escape

Clock = Callable[[], float]
now: Clock = time.time

MINUTE, HOUR, DAY = 60, 3600, 86400
# For so long nobody wonders what a command is at.
PATIENCE_SECONDS = 1.0


def _console(*, stderr: bool = False) -> rich.console.Console:
    seen = (sys.stderr if stderr else sys.stdout).isatty()
    # A pipe has no width: lines stay whole, as kubectl's do.
    width = None if seen or "COLUMNS" in os.environ else 10_000
    return rich.console.Console(
        stderr=stderr, width=width, highlight=False, emoji=False, no_color=None if seen else True
    )


@functools.cache
def output() -> rich.console.Console:
    """Return what writes to standard output."""
    return _console()


class Working:
    """What a command says while it works: a line that goes when it ends; nothing on a pipe."""

    def __init__(self, text: str) -> None:
        self._status = rich.status.Status(f"[dim]{escape(text)}[/]", console=errors())

    def say(self, text: str) -> None:
        """Say something else from now on."""
        self._status.update(f"[dim]{escape(text)}[/]")

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
    output().print(question, end="", markup=False, soft_wrap=True)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def told(line: str | None) -> None:
        if not answer.done():
            answer.set_result(line)

    loop.add_reader(sys.stdin, lambda: told(sys.stdin.readline()))
    loop.add_signal_handler(signal.SIGINT, told, None)
    try:
        line = await answer
    finally:
        loop.remove_reader(sys.stdin)
        loop.remove_signal_handler(signal.SIGINT)
    if line is None or not line.endswith("\n"):
        output().print()
    return line.strip().lower() if line is not None else None


@functools.cache
def errors() -> rich.console.Console:
    """Return what writes to standard error."""
    return _console(stderr=True)


def say(text: str) -> None:
    """Print one line with rich's markup."""
    output().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Print one line about the command itself, beside what it prints."""
    errors().print(f"[dim]{escape(text)}[/]", soft_wrap=True)


def age(seconds: float) -> str:  # noqa: PLR0911 - a table of spans
    """Return a span of time in kubectl's words: 45s, 3m20s, 12m, 5h, 2d3h, 40d."""
    whole = max(0, int(seconds))
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < 10 * MINUTE:
        return _two(whole, MINUTE, "m", 1, "s")
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 8 * HOUR:
        return _two(whole, HOUR, "h", MINUTE, "m")
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    if whole < 8 * DAY:
        return _two(whole, DAY, "d", HOUR, "h")
    return f"{whole // DAY}d"


def _two(whole: int, large: int, first: str, small: int, second: str) -> str:
    rest = whole % large // small
    return f"{whole // large}{first}" + (f"{rest}{second}" if rest else "")


def document(value: Any, form: str) -> str:
    """Return `value` (dataclasses, structs or plain data) as JSON or YAML."""
    plain = _plain(value)
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
    dumped: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return dumped.rstrip("\n")


def _plain(value: Any) -> Any:
    """Return plain data; fields are named as the API names them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            _camel(each.name): _plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return msgspec.to_builtins(value, str_keys=True)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def data(value: Any, form: str) -> None:
    """Print a document for programs."""
    sys.stdout.write(document(value, form) + "\n")

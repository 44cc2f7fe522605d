"""`exec`: a command in a server, with this terminal in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Sequence

from controller.api import objects
from controller.cli.session import Session
from controller.kube import faults, terminal
from controller.presentation import reading
from controller.presentation.problems import Refusal

CHUNK = 4096


async def run(session: Session, server: str, command: Sequence[str], container: str) -> int:
    """Run `command` (a shell if none) in the server; return its exit code."""
    found = await reading.one(session.api, objects.Server, session.namespace, server)
    if not found.status.provider.id:
        raise Refusal(
            f"{server} is made of nothing yet: {session.target.typed(f'why server/{server}')}"
        )
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    wanted = list(command) or ["/bin/sh"]
    try:
        async with session.api.open_exec(
            session.namespace, server, command=wanted, container=container, tty=interactive
        ) as stream:
            with _raw() if interactive else contextlib.nullcontext():
                await _converse(stream, interactive=interactive)
            return stream.exit_code
    except faults.Refused as error:
        # The answer to a websocket that is refused carries no reason.
        raise Refusal(
            f"{error}: does it run, and has it such a container?"
            f" {session.target.typed(f'why server/{server}')}"
        ) from error


async def _converse(stream: terminal.Terminal, *, interactive: bool) -> None:
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    # A read of a terminal cannot be cancelled, so it must not keep the process from ending.
    threading.Thread(target=_read, args=(loop, typed), daemon=True).start()
    resized = asyncio.Event()
    if interactive:
        resized.set()
        loop.add_signal_handler(signal.SIGWINCH, resized.set)
    tasks = [
        asyncio.ensure_future(_send(stream, typed)),
        asyncio.ensure_future(_follow_size(stream, resized)),
    ]
    try:
        async for channel, data in stream.output():
            out = sys.stdout if channel == terminal.STDOUT else sys.stderr
            out.buffer.write(data)
            out.flush()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if interactive:
            loop.remove_signal_handler(signal.SIGWINCH)


async def _send(stream: terminal.Terminal, typed: asyncio.Queue[bytes]) -> None:
    while data := await typed.get():
        await stream.write(data)
    await stream.close_input()


async def _follow_size(stream: terminal.Terminal, resized: asyncio.Event) -> None:
    while True:
        await resized.wait()
        resized.clear()
        await stream.resize(*shutil.get_terminal_size())


def _read(loop: asyncio.AbstractEventLoop, typed: asyncio.Queue[bytes]) -> None:
    """Pass on what is typed; an empty piece is the end."""
    # The loop is gone when the command has ended: then nobody listens any more.
    with contextlib.suppress(OSError, RuntimeError):
        while True:
            data = os.read(sys.stdin.fileno(), CHUNK)
            loop.call_soon_threadsafe(typed.put_nowait, data)
            if not data:
                return


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Hand every key to the command, and give the terminal back as it was."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

"""Ctrl-C: heard whenever it comes.

`session` calls `hear` for every command; what asks somebody whether to stop takes it by `instead`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


def hear() -> None:
    """Have a Ctrl-C wake the loop, in whatever moment it comes and whichever thread takes it.

    `asyncio.run` cancels at a Ctrl-C, but only once Python runs again: a signal that came just
    before the loop began to wait, or to another thread, ends no wait. A signal that a loop knows
    a handler for wakes the loop through a descriptor; the handler of `asyncio.run` stays the one
    that is run.
    Whoever had Ctrl-C ignored, as a shell does for what it starts in the background, keeps that.
    """
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, bool)
        signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def instead(call: Callable[[], object]) -> Iterator[None]:
    """Have Ctrl-C call this meanwhile, and do afterwards what it did before."""
    loop = asyncio.get_running_loop()
    handler = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, handler)
        hear()

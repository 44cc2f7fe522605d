"""Work beside the loop: the loop goes on, and work that nobody waits for any more learns that."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from controller.presentation import aside
from controller.presentation.problems import Refusal

PATIENCE_SECONDS = 60.0


async def test_the_loop_goes_on_meanwhile() -> None:
    """Work that waits for the loop comes to its end."""
    called = threading.Event()

    def work(wanted: aside.Wanted) -> tuple[bool, bool]:
        return called.wait(PATIENCE_SECONDS), wanted()

    asyncio.get_running_loop().call_soon(called.set)
    assert await aside.run(work) == (True, True)


async def test_whoever_leaves_ends_the_work() -> None:
    """The next time it asks; somebody else is not kept waiting for its end."""
    began, ended = threading.Event(), threading.Event()

    def work(wanted: aside.Wanted) -> None:
        began.set()
        while wanted():
            pass
        ended.set()

    task = asyncio.create_task(aside.run(work))
    assert await asyncio.to_thread(began.wait, PATIENCE_SECONDS)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, PATIENCE_SECONDS)


async def test_a_refusal_comes_back() -> None:
    """As if the work had been done here."""

    def work(_: aside.Wanted) -> None:
        raise Refusal("no")

    with pytest.raises(Refusal, match="no"):
        await aside.run(work)

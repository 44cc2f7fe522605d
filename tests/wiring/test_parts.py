"""What a process consists of: no part ends unnoticed, however silently it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from controller import parts

pytestmark = pytest.mark.looptime


async def endure() -> None:
    """Go on until cancelled."""
    await asyncio.Event().wait()


async def give_up() -> None:
    """End as if all was done."""
    await asyncio.sleep(1)


async def break_down() -> None:
    """End with an error."""
    await asyncio.sleep(1)
    raise RuntimeError("broken")


async def be_cancelled() -> None:
    """End as a task does that somebody else cancels."""
    await asyncio.sleep(1)
    raise asyncio.CancelledError


ENDS = pytest.mark.parametrize(
    ("end", "why"),
    [(give_up, "returned"), (break_down, "broken"), (be_cancelled, "was cancelled")],
)


@ENDS
async def test_a_part_that_ends_unasked_stops_the_process(
    end: Callable[[], parts.Work], why: str
) -> None:
    """Returned, raised or cancelled by a stranger: the process is told to stop, and knows why."""
    process = parts.Parts()
    process.start(endure(), "healthy")
    process.start(end(), "ill")
    await asyncio.wait_for(process.stopped.wait(), 2)
    assert why in str(process.failure)
    await process.end()


async def test_parts_that_are_told_to_end_are_no_failure() -> None:
    """Who stops on purpose exits with success."""
    process = parts.Parts()
    process.start(endure(), "one")
    process.start(endure(), "another")
    await asyncio.sleep(1)
    await process.end()
    assert process.failure is None


@ENDS
async def test_together_ends_with_the_first_that_ends(
    end: Callable[[], parts.Work], why: str
) -> None:
    """None of a group goes on without the others, and whoever waits for the group learns why."""
    others: list[asyncio.Task[None]] = []

    async def note() -> None:
        task = asyncio.current_task()
        assert task is not None
        others.append(task)
        await endure()

    with pytest.raises(Exception, match=why):
        await asyncio.wait_for(parts.together({"other": note(), "ill": end()}), 2)
    assert [each.cancelled() for each in others] == [True]


async def test_together_that_is_cancelled_leaves_nobody_behind() -> None:
    """Cancelling the group cancels all of it, and is no error of a part."""
    group = asyncio.create_task(parts.together({"one": endure(), "another": endure()}))
    await asyncio.sleep(1)
    group.cancel()
    with pytest.raises(asyncio.CancelledError):
        await group
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert {task.get_name() for task in left}.isdisjoint({"one", "another"})

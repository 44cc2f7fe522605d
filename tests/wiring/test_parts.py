"""What a process consists of: no part ends unnoticed, however silently it ends."""

from __future__ import annotations

import asyncio
import functools
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


async def test_works_of_a_shift_begin_and_end_while_others_go_on() -> None:
    """One that begins before all run waits for that; one that is ended has ended, unremarked."""
    shift, going = parts.Shift(), set[str]()

    async def work(name: str) -> None:
        going.add(name)
        try:
            await asyncio.Event().wait()
        finally:
            going.discard(name)

    for name in ("a", "b"):
        shift.begin(name, functools.partial(work, name), name)
    await shift.end("b")
    await asyncio.sleep(0)
    assert going == set()
    running = asyncio.create_task(shift.run())
    await asyncio.sleep(0.01)
    assert going == {"a"}
    shift.begin("c", functools.partial(work, "c"), "c")
    await asyncio.sleep(0.01)
    assert going == {"a", "c"}
    await shift.end("a")
    assert going == {"c"}
    await asyncio.sleep(1)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert going == set()


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "begun later"])
async def test_a_work_of_a_shift_that_ends_unasked_ends_all(*, late: bool) -> None:
    """A cache that nobody feeds any more must not go unnoticed."""
    shift, ended = parts.Shift(), list[str]()

    async def stay() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("stay")

    async def go() -> None:
        await asyncio.sleep(1)

    shift.begin("stay", stay, "stay")
    if not late:
        shift.begin("go", go, "go")
    running = asyncio.create_task(shift.run())
    await asyncio.sleep(0.01)
    if late:
        shift.begin("go", go, "go")
    with pytest.raises(parts.Ended, match="go returned"):
        await asyncio.wait_for(running, 60)
    assert ended == ["stay"]

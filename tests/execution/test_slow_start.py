"""Creates of one set after some failed: few at a time, and more as they succeed."""

from __future__ import annotations

import asyncio

import pytest

from controller import errors
from controller.api.resources import Resource
from controller.execution.slow_start import LONGEST_WAIT, SlowStart
from controller.kube import faults
from controller.kube.reasons import KubeReason
from controller.planning.keys import Key

pytestmark = pytest.mark.looptime
QUOTA = faults.QuotaExceeded("exceeded quota: two", reason=KubeReason.QUOTA_EXCEEDED)
NO_ROOM = errors.Transient("no room", reason=KubeReason.QUOTA_EXCEEDED)


def key(number: int) -> Key:
    """Return the key of a server."""
    return Key(Resource.SERVERS, "default", f"shop-web-{number}")


class Set:
    """A set's creates, each tried when it is called, in a world that lets `room` of them pass."""

    def __init__(self, count: int, *, error: errors.ArgosyError = QUOTA) -> None:
        self.start = SlowStart(nudge=self.call)
        self.error = error
        self.room = 0
        self.asked: list[float] = []
        self.made: set[Key] = set()
        self.count = count
        self.tasks: set[asyncio.Task[None]] = set()
        self.over = False

    def call(self, one: Key) -> None:
        """Have a create tried soon."""
        if self.over:
            return
        task = asyncio.get_running_loop().create_task(self.ask(one))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def ask(self, one: Key) -> None:
        """Try a create, unless it must wait."""
        if one in self.made or self.start.begin("shop-web", one, one) is not None:
            return
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.01)
        if self.room > 0:
            self.room -= 1
            self.made.add(one)
            self.start.succeeded("shop-web", one)
        else:
            self.start.failed("shop-web", one, one, self.error)

    async def end(self) -> None:
        """Have nothing tried any more: a timer may go off while the loop is closed."""
        self.over = True
        await asyncio.gather(*self.tasks)

    async def begin(self) -> None:
        """Try all creates, eight at once."""
        for first in range(0, self.count, 8):
            await asyncio.gather(*(self.ask(key(n)) for n in range(first, first + 8)))


async def test_what_fails_for_one_cause_is_tried_ever_more_seldom() -> None:
    """After the first few, an hour of a full quota costs about a call a minute."""
    one = Set(96)
    await one.begin()
    assert len(one.asked) == 8
    await asyncio.sleep(3600)
    assert len(one.asked) < 8 + 10 + 3600 / LONGEST_WAIT * 1.4
    await one.end()


async def test_all_are_made_once_the_cause_is_gone() -> None:
    """One succeeds, then two more for each: a hundred take seconds, not a backoff each."""
    one = Set(96)
    await one.begin()
    await asyncio.sleep(600)
    one.room = 1000
    await asyncio.sleep(LONGEST_WAIT + 5)
    assert len(one.made) == 96


async def test_one_that_fails_alone_holds_nobody_back() -> None:
    """A trouble of one server's own is no sign that its siblings would meet it."""
    one = SlowStart(nudge=lambda _: None)
    assert one.begin("shop-web", key(0), key(0)) is None
    one.failed("shop-web", key(0), key(0), QUOTA)
    assert one.begin("shop-web", key(1), key(1)) is None
    one.succeeded("shop-web", key(1))
    one.failed("shop-web", key(0), key(0), QUOTA)
    assert one.begin("shop-web", key(2), key(2)) is None


async def test_what_is_not_shared_holds_nobody_back() -> None:
    """Each server tries its own alternatives: one zone that is full says nothing of another."""
    one = Set(16, error=NO_ROOM)
    await one.begin()
    assert len(one.asked) == 16


class Poisoned(Set):
    """A set of which one is refused for ever, once there is room for the others."""

    async def ask(self, one: Key) -> None:
        """Try a create; the poisoned one in vain."""
        if one != key(3) or not self.room:
            await super().ask(one)
        elif self.start.begin("shop-web", one, one) is None:
            self.start.failed("shop-web", one, one, QUOTA)


async def test_one_that_never_succeeds_keeps_the_others_not_for_long() -> None:
    """Who fails goes last in line, so the others are made all the same."""
    one = Poisoned(16)
    await one.begin()
    one.room = 1000
    await asyncio.sleep(400)
    assert len(one.made) == 15


async def test_a_cause_that_is_said_to_be_gone_is_tried_at_once() -> None:
    """No backoff is waited for by who asks after somebody said to try again."""
    one = Set(16)
    await one.begin()
    await asyncio.sleep(600)
    one.room = 1000
    one.start.release("shop-web", "try again")
    await one.ask(key(5))
    await asyncio.sleep(1)
    assert len(one.made) == 16


async def test_one_wish_to_try_again_has_one_create_tried_where_the_cause_stands() -> None:
    """All keys of a set hear it; a set of many does not ask a full quota once for each."""
    one = Set(16)
    await one.begin()
    await asyncio.sleep(600)
    before = len(one.asked)
    for number in range(16):
        one.start.release("shop-web", "try again")
        await one.ask(key(number))
    assert len(one.asked) == before + 1
    one.start.release("shop-web", "and again")
    await one.ask(key(5))
    assert len(one.asked) == before + 2
    await one.end()

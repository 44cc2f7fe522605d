"""Applications that are just coming up go ahead of what a large one has many of."""

from __future__ import annotations

import asyncio

import pytest

from controller.api.resources import Resource
from controller.execution.newcomers import FEW, LINGER_SECONDS, Newcomers, Standing
from controller.execution.pool import NARROWER, WIDTH, Pool
from controller.execution.width import Width
from controller.planning.keys import Key

pytestmark = pytest.mark.looptime

LARGE, SMALL = "large", "small"


class Server:
    """An API server whose calls take longer the more stand beside each: 4 ms, and 4 ms for each."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pool = Pool(learnt=Width(clock=loop.time))
        self.running: list[str] = []
        self.ended: list[str] = []
        self.most = 0

    def submit(
        self,
        flow: str,
        count: int = 1,
        *,
        creates: bool = True,
        takes: float = 0,
        space: str = "default",
    ) -> Key:
        """Have as many calls of a flow made; each takes so many seconds more. Return their key."""
        key = Key(Resource.SERVERS, space, flow)

        async def run() -> None:
            self.running.append(flow)
            self.most = max(self.most, len(self.running))
            await asyncio.sleep(takes + 0.004 * len(self.running))
            self.running.remove(flow)
            self.ended.append(flow)

        for _ in range(count):
            self.pool.submit(key, run, flow=flow, creates=creates)
        return key

    async def busy(self, seconds: float = 0.2) -> int:
        """Return how many calls run beside each other in the time that follows, at most."""
        self.most = 0
        await asyncio.sleep(seconds)
        return self.most

    async def chain(self, flow: str, length: int = 4, *, space: str = "default") -> float:
        """Make calls one after the other, as events tell; return how long that took."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in range(length):
            before = self.ended.count(flow)
            self.submit(flow, space=space)
            while self.ended.count(flow) == before:  # noqa: ASYNC110 - virtual time
                await asyncio.sleep(0.001)
            if number < length - 1:
                await asyncio.sleep(0.01)
        return clock() - began


async def test_a_small_application_stands_beside_one_call() -> None:
    """Its calls take a quarter of what each takes beside seven others."""
    server = Server()
    server.submit(LARGE, 2000)
    assert await server.busy() == WIDTH
    took = await server.chain(SMALL)
    # Beside seven others each of the four would take 32 ms.
    assert took <= 0.032 + 3 * (0.004 * (NARROWER + 1) + 0.012)
    assert await server.busy(0.1) == NARROWER
    await server.pool.drain()


async def test_a_quiet_namespace_does_not_wait_while_room_is_made() -> None:
    """Its statuses are no creates, and come while it is a newcomer still: they go out at once."""
    server = Server()
    server.submit(LARGE, 2000)
    await server.busy()
    server.submit(SMALL, space="other")
    await server.busy(0.1)
    server.most = 0
    for number in range(1, 5):
        server.submit(SMALL, creates=False, space="other")
        await asyncio.sleep(0.02)
        assert server.ended.count(SMALL) == 1 + number
    assert server.most == NARROWER + 1
    await server.pool.drain()


async def test_a_large_application_has_all_places_a_moment_later() -> None:
    """Room is made for as long as a chain's next call may take to come."""
    server = Server()
    server.submit(LARGE, 2000)
    await asyncio.sleep(0.5)
    await server.chain(SMALL)
    await asyncio.sleep(LINGER_SECONDS + 0.05)
    assert await server.busy() == WIDTH
    await server.pool.drain()


async def test_a_large_application_makes_no_room_for_itself() -> None:
    """Its first creates are a newcomer's, and it has all places from the first moment."""
    server = Server()
    server.submit(LARGE, 500)
    assert await server.busy(0.01) == WIDTH
    assert await server.busy() == WIDTH
    assert len(server.ended) > FEW
    assert await server.busy() == WIDTH
    await server.pool.drain()


async def test_a_newcomer_whose_calls_hang_holds_nobody_back() -> None:
    """A call that takes long waits for something else than the calls beside it."""
    server = Server()
    server.submit(LARGE, 5000)
    server.submit(SMALL, 2, takes=30)
    await asyncio.sleep(5)
    # The two that hang have given their places up.
    assert await server.busy() == WIDTH + 2
    await server.pool.drain()


async def test_endless_newcomers_starve_nobody() -> None:
    """A large application has a share beside however many small ones."""
    server = Server()
    server.submit(LARGE, 5000)
    await asyncio.sleep(0.5)
    before = server.ended.count(LARGE)
    for number in range(300):
        server.submit(f"small-{number}", 20)
    while len(server.ended) < before + 2000:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)
    assert server.ended.count(LARGE) - before >= 700
    await server.pool.drain()


async def test_other_calls_than_creates_make_nobody_a_newcomer() -> None:
    """A status that is written now and then takes no places from anybody."""
    server = Server()
    server.submit(LARGE, 2000)
    await asyncio.sleep(0.5)
    server.submit(SMALL, creates=False)
    await asyncio.sleep(0.1)
    assert SMALL in server.ended
    assert await server.busy() == WIDTH
    await server.pool.drain()


async def test_a_width_that_somebody_set_knows_no_newcomers() -> None:
    """A cloud's calls take seconds, so nobody comes up sooner by holding others back."""
    pool = Pool(width=WIDTH, strict=True)
    most = 0
    running = 0

    async def run() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    for number in range(200):
        pool.submit(Key(Resource.SERVERS, "a", LARGE), run, flow=LARGE, creates=True)
        if number % 50 == 49:
            most = 0
            pool.submit(Key(Resource.SERVERS, "a", SMALL), run, flow=f"{number}", creates=True)
    while not pool.idle():  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)
    assert most == WIDTH


def test_who_was_quiet_begins_anew() -> None:
    """One that had many creates a moment ago does not, nor one whose creates hang."""
    now = 0.0
    newcomers = Newcomers(lambda: now)
    crowd = [newcomers.enter("a", number) for number in range(FEW + 1)]
    assert crowd == [Standing.NEW_NAMESPACE] * FEW + [Standing.NEWCOMER]
    for number in range(FEW + 1):
        few = newcomers.enter("a", LARGE) is Standing.NEWCOMER
        assert few is (number < FEW)
        newcomers.leave("a", number)
    assert newcomers.first() is Standing.NEWCOMER
    now = 60.0
    assert newcomers.first() is Standing.OTHER
    assert newcomers.enter("a", "another") is Standing.NEWCOMER
    assert newcomers.first() is Standing.NEWCOMER
    assert newcomers.enter("a", LARGE) is Standing.OTHER
    for _ in range(FEW + 2):
        newcomers.leave("a", LARGE)
    newcomers.leave("a", "another")
    now += LINGER_SECONDS
    assert newcomers.enter("a", LARGE) is Standing.OTHER
    now += 1.0
    newcomers.leave("a", LARGE)
    now += LINGER_SECONDS + 0.1
    assert newcomers.enter("a", LARGE) is Standing.NEW_NAMESPACE
    now += LINGER_SECONDS
    assert newcomers.first() is Standing.NEW_NAMESPACE
    now += 0.1
    assert newcomers.first() is Standing.OTHER


async def test_a_quiet_namespace_stands_beside_one_call_of_a_crowd() -> None:
    """All applications of a crowd are newcomers, and make room for a namespace that had nothing."""
    server = Server()
    for number in range(300):
        server.submit(f"small-{number}", 20)
    await asyncio.sleep(0.5)
    assert await server.busy(0.05) == WIDTH
    took = await server.chain(SMALL, space="other")
    assert took <= 0.032 + 3 * (0.004 * (NARROWER + 1) + 0.012)
    await server.pool.drain()


async def test_endless_quiet_namespaces_starve_nobody() -> None:
    """A crowd has a share beside however many namespaces with an application each."""
    server = Server()
    for number in range(300):
        server.submit(f"small-{number}", 20)
    await asyncio.sleep(0.5)
    before = len(server.ended)
    for number in range(100):
        server.submit(f"small-{number}", 20, space=f"other-{number}")
    while len(server.ended) < before + 1500:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)
    crowd = sum(each.startswith("small") for each in server.ended[before:])
    assert crowd >= 500
    await server.pool.drain()


async def test_calls_that_are_taken_back_are_forgotten() -> None:
    """A large application that is deleted before its creates went out may come up again."""
    server = Server()
    key = server.submit(LARGE, 500)
    assert server.pool.withdraw(key) == 500 - WIDTH
    await asyncio.sleep(1)
    server.submit("other", 500)
    await asyncio.sleep(0.5)
    server.submit(LARGE, 1)
    await asyncio.sleep(0.1)
    assert await server.busy(0.1) == NARROWER
    await server.pool.drain()

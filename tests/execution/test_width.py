"""The width of the pool: eight calls at a near API server, as many more as are on the road."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from controller.api.resources import Resource
from controller.execution.pool import NARROW, Pool
from controller.execution.width import BASE, LEAST, MOST, WINDOW_SECONDS, Width
from controller.planning.keys import Key
from controller.planning.plan import Urgency

pytestmark = pytest.mark.looptime

CREATED, OVERLOADED = 201, 429


@dataclasses.dataclass(slots=True)
class Server:
    """An API server that works on two writes at a time, so far away, and tells of each answer."""

    width: Width
    away: float = 0.0  # seconds, each way
    work: float = 0.004
    bounces: int = 0  # so many answers say that it is overloaded
    cores: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(2))
    there: int = 0
    most_there: int = 0
    ended: int = 0

    def call(self, extra: float = 0.0) -> Callable[[], Awaitable[None]]:
        """Return one write; a webhook keeps it waiting for `extra` seconds."""

        async def run() -> None:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(self.away)
            status = CREATED
            if self.bounces:
                self.bounces -= 1
                status = OVERLOADED
            else:
                await self._serve()
                await asyncio.sleep(extra)
            await asyncio.sleep(self.away)
            self.ended += 1
            self.width.answered(asyncio.get_running_loop().time() - began, status)

        return run

    async def _serve(self) -> None:
        self.there += 1
        self.most_there = max(self.most_there, self.there)
        async with self.cores:
            await asyncio.sleep(self.work)
        self.there -= 1


def learning(*, most: int = MOST) -> Width:
    """Return a width on the loop's own clock."""
    return Width(clock=asyncio.get_running_loop().time, most=most)


def submit(
    pool: Pool, server: Server, count: int, *, namespace: str = "default", extra: float = 0.0
) -> None:
    """Have so many creates wait."""
    for number in range(count):
        key = Key(Resource.SERVERS, namespace, f"{namespace}-{number}")
        pool.submit(key, server.call(extra), flow=namespace, creates=True)


async def seconds_for(server: Server, count: int) -> float:
    """Return how long a pool takes for so many writes."""
    pool = Pool(learnt=server.width)
    began = asyncio.get_running_loop().time()
    submit(pool, server, count)
    while not pool.idle():  # noqa: ASYNC110 - virtual time costs nothing
        await asyncio.sleep(0.005)
    return asyncio.get_running_loop().time() - began


async def test_a_near_server_gets_eight_at_a_time() -> None:
    """More would stand in its own line, where nothing can be reordered."""
    server = Server(learning())
    await seconds_for(server, 1000)
    assert server.width.now == BASE
    assert server.most_there == BASE


@pytest.mark.parametrize("away", [0.005, 0.01, 0.02])
async def test_a_server_far_away_is_kept_as_busy_as_a_near_one(away: float) -> None:
    """A thousand writes take no more than a seventh longer, however long the road."""
    near = await seconds_for(Server(learning()), 1000)
    far = await seconds_for(Server(learning(), away=away), 1000)
    assert far <= 1.15 * near


async def test_no_more_stand_at_a_server_far_away_than_at_a_near_one() -> None:
    """A delete that comes in is behind eight writes there, and not behind all that is under way."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 1000)
    wide, pool = server.width.now, Pool(learnt=server.width)
    submit(pool, server, 600)
    # The first of all arrive together.
    await asyncio.sleep(0.2)
    server.most_there = 0
    await asyncio.sleep(0.5)
    assert pool.depth() > 0
    assert wide > 2 * BASE
    assert server.most_there <= 2 * BASE
    await pool.drain()


async def test_a_server_that_gets_slow_gets_eight_again() -> None:
    """What is not served any faster is not asked for any more often."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 600)
    wide = server.width.now
    server.work = 0.1
    await seconds_for(server, 500)
    assert wide > 2 * BASE
    assert server.width.now <= BASE + 1


async def test_a_server_that_is_overloaded_gets_half_and_then_slowly_more() -> None:
    """Once for all calls under way together; and never less than four at a time."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 600)
    wide = server.width.now
    server.bounces = 3
    await seconds_for(server, 3)
    assert server.width.now == wide // 2
    await seconds_for(server, 1200)
    assert server.width.now >= wide - 2
    server.bounces = 600
    await seconds_for(server, 600)
    assert server.width.now == LEAST
    await seconds_for(server, 200)
    assert server.width.now > LEAST


@pytest.mark.parametrize("most", [LEAST, BASE, 20, MOST])
async def test_the_limit_that_was_set_holds(most: int) -> None:
    """Who knows better says how many there may be, be it fewer than a near server gets."""
    server = Server(learning(most=most), away=0.1)
    pool = Pool(learnt=server.width)
    submit(pool, server, 3000 if most == MOST else 500)
    widest = 0
    while not pool.idle():
        widest = max(widest, pool.running())
        await asyncio.sleep(0.005)
    assert widest == most


async def test_who_has_little_to_write_learns_nothing_of_the_width() -> None:
    """A pool that is never full stays as wide as it is."""
    server = Server(learning(), away=0.05)
    for _ in range(100):
        await seconds_for(server, 4)
    assert server.width.now == BASE


async def test_a_slow_webhook_of_one_namespace_narrows_nothing() -> None:
    """Most answers say how far the server is; the few that wait for somebody else do not."""
    server = Server(learning(), away=0.02)
    pool = Pool(learnt=server.width)
    submit(pool, server, 1500)
    submit(pool, server, 40, namespace="slow", extra=0.8)
    await asyncio.sleep(2.0)
    assert server.width.now > 2 * BASE
    await pool.drain()


async def test_a_server_that_has_come_nearer_gets_eight_again() -> None:
    """Calls that are quicker than ever shorten the road at once."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 600)
    server.away = 0.0
    await seconds_for(server, 600)
    assert server.width.now == BASE


async def test_a_longer_road_is_learnt_and_lines_are_not_taken_for_it() -> None:
    """Each window begins with four at a time, lest the width feed on what it makes wait."""
    server = Server(learning(), away=0.01)
    await seconds_for(server, 600)
    before = server.width.now
    for _ in range(6):
        await asyncio.sleep(WINDOW_SECONDS / 2)
        await seconds_for(server, 600)
    assert abs(server.width.now - before) <= 2
    server.away = 0.02
    for _ in range(6):
        await asyncio.sleep(WINDOW_SECONDS / 2)
        await seconds_for(server, 600)
    assert server.width.now > before + 4


async def test_deletes_go_first_through_a_wide_pool_as_well() -> None:
    """While a teardown lasts, others have their three of eight at the server, wherever that is."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 600)
    pool, wide = Pool(learnt=server.width), server.width.now
    submit(pool, server, 700)
    await asyncio.sleep(0.5)
    for number in range(100):
        key = Key(Resource.SERVERS, "default", f"gone-{number}")
        pool.submit(key, server.call(), flow="gone", urgency=Urgency.TEARDOWN)
    before = server.ended
    await asyncio.sleep(0.25)
    assert server.ended > before
    assert pool.depth() > 300
    others = NARROW + wide - BASE
    await asyncio.sleep(0.1)
    assert pool.running() <= others + 1
    await pool.drain()


async def test_a_teardown_far_away_leaves_the_road_to_others() -> None:
    """A chain of deletes costs the rest nothing but its places at the server."""
    server = Server(learning(), away=0.02)
    await seconds_for(server, 600)
    pool = Pool(learnt=server.width)
    submit(pool, server, 4000)
    await asyncio.sleep(0.5)
    before, server.most_there = server.ended, 0
    await asyncio.sleep(2)
    alone, most_there = server.ended - before, server.most_there
    before, server.most_there = server.ended, 0
    for number in range(20):
        key = Key(Resource.SERVERS, "default", f"link-{number}")
        pool.submit(key, server.call(), flow="gone", urgency=Urgency.TEARDOWN)
        await asyncio.sleep(0.1)
    beside = server.ended - before
    assert pool.depth() > 0
    assert beside > 0.85 * alone
    assert server.most_there <= most_there
    await pool.drain()

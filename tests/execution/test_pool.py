"""The pool of calls: bounded, fair between applications, teardown first, nothing starved."""

import asyncio
import collections
from collections.abc import Awaitable, Callable

import pytest

from controller.api.resources import Resource
from controller.execution.newcomers import LINGER_SECONDS
from controller.execution.pool import EXTRA_PLACES, MOST_SLOW, NARROW, WIDTH, Pool
from controller.execution.schedule import SHARES
from controller.planning.keys import Key
from controller.planning.plan import Urgency

pytestmark = pytest.mark.looptime


class Log:
    """Calls that take a while, and when each began and how many ran beside it."""

    def __init__(self) -> None:
        self.began: list[tuple[float, str]] = []
        self.running: set[str] = set()
        self.most = 0

    def call(self, name: str, seconds: float = 0.008) -> Callable[[], Awaitable[None]]:
        """Return a call that takes `seconds`."""

        async def run() -> None:
            self.began.append((asyncio.get_running_loop().time(), name))
            self.running.add(name)
            self.most = max(self.most, len(self.running))
            await asyncio.sleep(seconds)
            self.running.discard(name)

        return run

    def order(self) -> list[str]:
        """Return the calls in the order in which they began."""
        return [name for _, name in self.began]


def key(name: str) -> Key:
    """Return the key of a server."""
    return Key(Resource.SERVERS, "default", name)


async def settle(pool: Pool) -> None:
    """Wait until the pool has nothing to do."""
    while not pool.idle():  # noqa: ASYNC110 - virtual time costs nothing
        await asyncio.sleep(0.01)


async def test_no_more_calls_run_than_the_pool_is_wide() -> None:
    """Eight writes in flight is where the API server serves best."""
    pool, log = Pool(), Log()
    for number in range(100):
        pool.submit(key(str(number)), log.call(str(number)), flow="a")
    await settle(pool)
    assert log.most == WIDTH
    assert len(log.began) == 100


async def test_a_small_application_goes_out_at_once_beside_a_large_one() -> None:
    """The first call of a quiet flow waits for one call in flight, not for a backlog."""
    pool, log = Pool(), Log()
    for number in range(3000):
        pool.submit(key("large"), log.call(f"large-{number}"), flow="large", creates=True)
    await asyncio.sleep(0.5)
    submitted = asyncio.get_running_loop().time()
    pool.submit(key("small"), log.call("small"), flow="small", creates=True)
    await settle(pool)
    began = next(when for when, name in log.began if name == "small")
    assert began - submitted <= 0.02


async def test_a_small_application_goes_out_at_once_however_slow_the_calls_are() -> None:
    """Being fair is counted in calls: a server that takes a second for each changes nothing."""
    pool, log = Pool(), Log()
    for number in range(300):
        pool.submit(key("large"), log.call(f"large-{number}", 1.0), flow="large", creates=True)
    await asyncio.sleep(10.5)
    before = len(log.began)
    for number in range(3):
        pool.submit(key("small"), log.call(f"small-{number}", 1.0), flow="small", creates=True)
    await settle(pool)
    order = log.order()
    assert [order.index(f"small-{number}") for number in range(3)] == [
        before,
        before + 2,
        before + 4,
    ]


async def test_a_small_application_does_not_wait_for_calls_that_were_held_back() -> None:
    """What teardowns hold back is not ahead of an application that comes later."""
    pool, log = Pool(), Log()
    for number in range(300):
        call = log.call(f"create-{number}", 0.1)
        pool.submit(key("large"), call, flow="large", creates=True)
    for number in range(300):
        pool.submit(key("large"), log.call(f"patch-{number}"), flow="large")
    for number in range(400):
        name = f"delete-{number}"
        pool.submit(key(name), log.call(name), flow="gone", urgency=Urgency.TEARDOWN)
    await asyncio.sleep(0.3)
    before = len(log.began)
    pool.submit(key("small"), log.call("small"), flow="small", creates=True)
    await settle(pool)
    order = log.order()
    assert any(name.startswith("patch") for name in order[:before])
    ahead = order[before : order.index("small")]
    assert sum(name.startswith("create") for name in ahead) <= 1


async def test_a_small_deletion_is_not_behind_a_large_one() -> None:
    """Teardowns of different applications take turns, too."""
    pool, log = Pool(), Log()
    for number in range(1000):
        pool.submit(key("l"), log.call(f"l-{number}"), flow="large", urgency=Urgency.TEARDOWN)
    await asyncio.sleep(0.1)
    before = len(log.began)
    pool.submit(key("s"), log.call("small"), flow="small", urgency=Urgency.TEARDOWN)
    await settle(pool)
    assert log.order().index("small") == before


async def test_urgencies_share_the_calls_in_proportion() -> None:
    """While everything waits, each urgency gets its share, whichever was there first."""
    pool, log = Pool(width=1), Log()
    for urgency in Urgency:
        for number in range(200):
            pool.submit(key(urgency.name), log.call(urgency.name), flow=number, urgency=urgency)
    await asyncio.sleep(0.008 * 150)
    counts = collections.Counter(log.order())
    for urgency, share in SHARES.items():
        fair = 150 * share / sum(SHARES.values())
        assert counts[urgency.name] == pytest.approx(fair, abs=2)
    await settle(pool)


async def test_a_teardown_overtakes_its_own_application_s_creates() -> None:
    """Delete cuts across: the first teardown call starts while thousands of creates wait."""
    pool, log = Pool(), Log()
    for number in range(3000):
        pool.submit(key("web"), log.call(f"create-{number}"), flow="shop", creates=True)
    await asyncio.sleep(0.1)
    before = len(log.began)
    pool.submit(key("db"), log.call("delete"), flow="shop", urgency=Urgency.TEARDOWN)
    await settle(pool)
    assert log.order().index("delete") <= before + WIDTH


async def test_other_calls_make_room_for_a_teardown() -> None:
    """A delete's latency grows with what is beside it, also between the links of its chain."""
    pool, log = Pool(), Log()
    for number in range(1000):
        pool.submit(key("web"), log.call(f"other-{number}"), flow="a", creates=number % 2 == 0)
    for link in range(5):
        pool.submit(key("db"), log.call(f"delete-{link}"), flow="b", urgency=Urgency.TEARDOWN)
        await asyncio.sleep(0.1)
        before, log.most = len(log.began), 0
        await asyncio.sleep(0.1)
        assert log.most == NARROW
        assert len(log.began) > before
    await asyncio.sleep(LINGER_SECONDS)
    log.most = 0
    await asyncio.sleep(0.1)
    assert log.most == WIDTH
    await settle(pool)


async def test_a_width_that_somebody_set_makes_room_in_proportion() -> None:
    """Of a cloud's sixteen calls six go on beside a teardown: nobody knows how far away it is."""
    pool, log = Pool(width=2 * WIDTH, strict=True), Log()
    for number in range(1000):
        pool.submit(key("web"), log.call(f"other-{number}"), flow="a", creates=True)
    pool.submit(key("db"), log.call("delete"), flow="b", urgency=Urgency.TEARDOWN)
    await asyncio.sleep(0.1)
    log.most = 0
    await asyncio.sleep(0.1)
    assert log.most == 2 * NARROW
    await settle(pool)


async def test_creates_go_on_beside_endless_teardowns() -> None:
    """I8: whatever waits grows older and is served, whatever else comes in."""
    pool, log = Pool(), Log()
    pool.submit(key("patient"), log.call("patient"), flow="a")
    for number in range(10_000):
        pool.submit(key(f"t{number}"), log.call(f"t{number}"), flow="b", urgency=Urgency.TEARDOWN)
        if number % 8 == 7:
            await asyncio.sleep(0.008)
        if "patient" in log.order():
            break
    assert "patient" in log.order()
    await settle(pool)


async def test_withdrawn_calls_never_start() -> None:
    """A change of mind takes back what has not started, and says how much that was."""
    pool, log = Pool(), Log()
    for number in range(100):
        pool.submit(key("web"), log.call(f"create-{number}"), flow="a", creates=True)
    await asyncio.sleep(0.001)
    assert pool.withdraw(key("web")) == 100 - WIDTH
    await settle(pool)
    assert len(log.began) == WIDTH


async def test_a_rate_limit_spaces_the_starts() -> None:
    """A fleet's callsPerSecond holds over any stretch of time."""
    pool, log = Pool(width=8, per_second=10), Log()
    began = asyncio.get_running_loop().time()
    for number in range(50):
        pool.submit(key(str(number)), log.call(str(number)), flow="a")
    await settle(pool)
    assert log.began[-1][0] - began >= 4.7


async def test_drain_waits_for_calls_in_flight_and_drops_the_rest() -> None:
    """A clean stop leaves no call half answered."""
    pool, log = Pool(), Log()
    for number in range(100):
        pool.submit(key("web"), log.call(str(number)), flow="a")
    await asyncio.sleep(0.001)
    await pool.drain()
    assert pool.idle()
    assert not log.running
    assert len(log.began) == WIDTH


def of(namespace: str, name: str) -> Key:
    """Return the key of a server of that namespace."""
    return Key(Resource.SERVERS, namespace, name)


async def test_calls_are_shared_between_namespaces_first() -> None:
    """Three hundred applications of one tenant have together what one of another tenant's has."""
    pool, log = Pool(width=1), Log()
    for number in range(300):
        pool.submit(of("many", str(number)), log.call(f"many-{number}"), flow=f"many-{number}")
    for number in range(10):
        pool.submit(of("one", str(number)), log.call(f"one-{number}"), flow="one")
    await settle(pool)
    ended = max(place for place, name in enumerate(log.order()) if name.startswith("one"))
    assert ended <= 21


async def test_calls_that_never_answer_leave_room_for_another_namespace() -> None:
    """A webhook that hangs for 4.5 s holds its own namespace up, and nobody else's first call."""
    pool, log = Pool(), Log()
    for number in range(200):
        pool.submit(of("hung", str(number)), log.call(f"hung-{number}", 4.5), flow="hung")
    waits = []
    for number in range(20):
        await asyncio.sleep(1.7)
        asked = asyncio.get_running_loop().time()
        pool.submit(of("well", str(number)), log.call(f"well-{number}"), flow="well")
        await asyncio.sleep(1.1)
        began = {name: when for when, name in log.began}
        waits.append(began[f"well-{number}"] - asked)
    assert max(waits[1:]) == 0.0
    assert waits[0] <= 1.0
    hung = [name for name in log.running if name.startswith("hung")]
    assert len(hung) <= WIDTH // 2
    await settle(pool)


async def test_a_quiet_namespace_does_not_wait_for_a_place() -> None:
    """While one namespace has all places, another's calls, one after the other, begin at once."""
    pool, log = Pool(), Log()
    for number in range(400):
        pool.submit(of("many", str(number)), log.call(f"many-{number}", 0.5), flow="many")
    for number in range(10):
        await asyncio.sleep(0.13)
        asked = asyncio.get_running_loop().time()
        pool.submit(of("one", str(number)), log.call(f"one-{number}"), flow="one")
        await asyncio.sleep(0.01)
        assert (asked, f"one-{number}") in log.began
        assert sum(name.startswith("many") for name in log.running) <= WIDTH
    await settle(pool)


@pytest.mark.parametrize("tenants", [1, 3, 30])
async def test_quiet_namespaces_have_few_extra_places(tenants: int) -> None:
    """However many tenants there are, no more than two calls run beyond the width."""
    pool, log = Pool(), Log()
    for number in range(40):
        pool.submit(of("many", str(number)), log.call(f"many-{number}"), flow="many")
    for number in range(40 * tenants):
        space = f"n{number % tenants}"
        pool.submit(of(space, str(number)), log.call(f"{space}-{number}"), flow=space)
    await settle(pool)
    assert log.most <= WIDTH + EXTRA_PLACES


async def test_a_strict_pool_keeps_its_width_however_slow_its_calls_are() -> None:
    """A cloud's limit holds for calls of minutes, too."""
    pool, log = Pool(width=3, strict=True), Log()
    for number in range(9):
        pool.submit(of("a", str(number)), log.call(str(number), 60.0), flow="a")
    await settle(pool)
    assert log.most == 3


async def test_slow_calls_give_up_a_bounded_number_of_places() -> None:
    """Where all calls are slow the API server itself is: no flood follows."""
    pool, log = Pool(), Log()
    for number in range(400):
        pool.submit(of(f"n{number}", "x"), log.call(str(number), 30.0), flow="a")
    await settle(pool)
    assert log.most <= WIDTH + MOST_SLOW


async def test_where_all_calls_are_slow_nobody_is_held_to_half_of_the_places() -> None:
    """An API server that takes two seconds for each call gets as many as it would else."""
    pool, log = Pool(strict=True), Log()
    for number in range(80):
        pool.submit(of("only", str(number)), log.call(str(number), 2.0), flow="a")
    began = asyncio.get_running_loop().time()
    await settle(pool)
    assert asyncio.get_running_loop().time() - began == pytest.approx(80 / WIDTH * 2.0, abs=0.1)


async def test_pools_of_several_processes_keep_to_their_limits_together() -> None:
    """Of a width of eight and a rate of 50 a second each of four has two calls, and 12.5 a second.

    Who comes and goes counts at the next call; nobody is left without a place.
    """
    loop, sharers = asyncio.get_running_loop(), [4]
    pool, log = Pool(strict=True, per_second=50, sharers=lambda: sharers[0]), Log()
    began = loop.time()
    for number in range(25):
        pool.submit(key(str(number)), log.call(str(number), 0.3), flow="a")
    await settle(pool)
    assert log.most == 2
    assert loop.time() - began >= 25 / 12.5 - 0.1
    sharers[0] = 20
    assert pool.width() == 1
    sharers[0] = 1
    assert pool.width() == WIDTH

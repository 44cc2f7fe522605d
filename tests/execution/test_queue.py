"""The reconcile queue: each key once, urgent ones first, delayed ones in time."""

import asyncio

import pytest

from controller.api.resources import Resource
from controller.execution.queue import Queue
from controller.planning.keys import Key

pytestmark = pytest.mark.looptime

A, B, C = (Key(Resource.SERVERS, "default", name) for name in "abc")


async def test_a_key_is_served_once_however_often_it_was_added() -> None:
    """Events arrive in bursts; a key is planned once for all of them."""
    queue = Queue()
    for _ in range(5):
        queue.add(A)
    assert [queue.pop(), queue.pop()] == [A, None]


async def test_keys_are_served_in_the_order_in_which_they_came() -> None:
    """Nothing overtakes without being urgent."""
    queue = Queue()
    for key in (B, A, C):
        queue.add(key)
        await asyncio.sleep(0.01)
    assert [queue.pop(), queue.pop(), queue.pop()] == [B, A, C]


async def test_an_urgent_key_goes_first_even_if_it_stood_in_line() -> None:
    """Adding a waiting key again as urgent brings it forward."""
    queue = Queue()
    queue.add(A)
    queue.add(B)
    queue.add(B, urgent=True)
    assert [queue.pop(), queue.pop(), queue.pop()] == [B, A, None]


async def test_urgent_keys_do_not_starve_the_others() -> None:
    """What has waited longer than the bonus is served before what is urgent now."""
    queue = Queue()
    queue.add(A)
    await asyncio.sleep(6)
    queue.add(B, urgent=True)
    assert queue.pop() == A


async def test_a_delayed_key_becomes_ready_when_its_time_comes() -> None:
    """A wake is a delay; whoever waits for work is woken by it."""
    queue = Queue()
    began = asyncio.get_running_loop().time()
    queue.add(A, delay=30)
    assert queue.pop() is None
    await queue.filled(within=60)
    assert asyncio.get_running_loop().time() - began == pytest.approx(30)
    assert queue.pop() == A


async def test_an_event_brings_a_delayed_key_forward() -> None:
    """A key that waits for its time is planned at once when something happens, and only then."""
    queue = Queue()
    queue.add(A, delay=30)
    queue.add(A)
    assert queue.pop() == A
    await asyncio.sleep(60)
    assert queue.pop() is None


async def test_the_earliest_of_several_delays_counts() -> None:
    """A later wake never postpones an earlier one."""
    queue = Queue()
    queue.add(A, delay=50)
    queue.add(A, delay=10)
    queue.add(A, delay=90)
    await asyncio.sleep(11)
    assert queue.pop() == A
    await asyncio.sleep(100)
    assert queue.pop() is None


async def test_a_discarded_key_is_not_served() -> None:
    """What is gone is not planned, ready or delayed."""
    queue = Queue()
    queue.add(A)
    queue.add(B, delay=5)
    queue.discard(A)
    queue.discard(B)
    await asyncio.sleep(10)
    assert queue.pop() is None


async def test_namespaces_take_turns() -> None:
    """A thousand keys of one tenant stand behind each other, not before another one's."""
    queue = Queue()
    for number in range(1000):
        queue.add(Key(Resource.SERVERS, "large", str(number)))
    assert queue.pop() is not None
    queue.add(Key(Resource.SERVERS, "small", "x"))
    served = [queue.pop() for _ in range(2)]
    assert Key(Resource.SERVERS, "small", "x") in served


async def test_who_takes_long_to_plan_waits_for_longer() -> None:
    """Turns are shared by time: after one visit of a second, another namespace has a thousand."""
    queue = Queue()
    for number in range(50):
        queue.add(Key(Resource.OPERATIONS, "slow", str(number)))
    for number in range(200):
        queue.add(Key(Resource.SERVERS, "quick", str(number)))
    order = []
    for _ in range(150):
        key = queue.pop()
        assert key is not None
        order.append(key.namespace)
        queue.charge(1.0 if key.namespace == "slow" else 0.001)
    assert order.count("slow") == 1
    assert order.count("quick") == 149


async def test_a_namespace_that_rested_has_saved_nothing_up() -> None:
    """Who comes back after an hour gets its share from now on, and no more."""
    queue = Queue()
    for number in range(100):
        queue.add(Key(Resource.SERVERS, "busy", str(number)))
    for _ in range(50):
        queue.pop()
        queue.charge(0.01)
    for number in range(100):
        queue.add(Key(Resource.SERVERS, "back", str(number)))
    order = []
    for _ in range(40):
        key = queue.pop()
        assert key is not None
        order.append(key.namespace)
        queue.charge(0.01)
    assert 15 <= order.count("busy") <= 25

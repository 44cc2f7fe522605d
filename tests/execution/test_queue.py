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

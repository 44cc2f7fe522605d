"""Watches of the cluster in memory: a test that is played again plays the same."""

from __future__ import annotations

import asyncio

import pytest

from fakes.api_server.watching import Changes

pytestmark = pytest.mark.looptime


async def test_whoever_waits_is_woken_in_the_order_in_which_they_came() -> None:
    """Nothing of a simulation hangs on where in memory its tasks are."""
    changes, woken = Changes(), list[int]()

    async def wait(number: int) -> None:
        await changes.wait(asyncio.get_running_loop().time() + 60)
        woken.append(number)

    waiting = [asyncio.ensure_future(wait(each)) for each in range(100)]
    await asyncio.sleep(1)
    changes.tell()
    await asyncio.gather(*waiting)
    assert woken == list(range(100))

"""How many requests a service gets a second, and that nobody storms it after a pause."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from controller.providers.openstack.client import Pace
from tests.providers.openstack.coast import Coast

pytestmark = pytest.mark.looptime


async def test_those_who_were_held_back_go_one_after_another() -> None:
    """The cloud said that it gets too many: it does not get all that waited at one instant."""
    loop, pace, went = asyncio.get_running_loop(), Pace(lambda: 10.0), list[float]()

    async def go() -> None:
        await pace.turn()
        went.append(loop.time())

    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(go())
        await asyncio.sleep(0.45)
        began = len(went)
        held = loop.time() + 20
        pace.hold(20)
        await asyncio.sleep(10)
        for _ in range(30):
            group.create_task(go())
    assert 0 < began < 10
    later = went[began:]
    assert len(later) == 60 - began
    assert held - 0.01 <= later[0] <= held + 3
    assert all(two - one > 0.09 for one, two in itertools.pairwise(later))
    assert later[-1] < held + 10
    # After a rest a second's worth may go out at once, as ever.
    await asyncio.sleep(60)
    rested = loop.time()
    for _ in range(10):
        await pace.turn()
    assert loop.time() == rested


@pytest.mark.parametrize("sharers", [1, 2])
async def test_operators_that_share_the_work_share_the_limit(coast: Coast, sharers: int) -> None:
    """Ten a second to a service, from all of them together."""
    provider = await coast.provider(sharers=sharers)
    await asyncio.sleep(60)
    began = coast.cloud.now
    calls = [
        provider.collect(f"00000000-0000-0000-0000-{number:012}", "default/shop-web-0")
        for number in range(100)
    ]
    await asyncio.gather(*calls)
    assert 8.5 * sharers <= coast.cloud.now - began <= 12 * sharers

"""Keys that wait for a cache: each stands at the gate once, and goes on when its time comes."""

from __future__ import annotations

import asyncio

import pytest

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

pytestmark = [pytest.mark.looptime, pytest.mark.lagging]

SERVER = "shop-web-1"


async def test_a_parked_key_stands_at_the_gate_once_however_often_it_is_visited() -> None:
    """A hundred changes while its pod is not seen yet cost no memory, and it goes on after them."""
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 1)))
        gate = universe.process.engine._gate
        universe.faults.freeze(Resource.PODS)
        await universe.apply(application("shop", component("web", 2)))
        await universe.until(lambda: SERVER in universe.names(Resource.PODS))
        for number in range(100):
            note = {"metadata": {"annotations": {"example.com/note": str(number)}}}
            await universe.merge(Resource.SERVERS, SERVER, note)
            await asyncio.sleep(0.2)
            assert len(gate) == 1
        assert universe.names(Resource.PODS) == ["shop-web-0", SERVER]
        universe.faults.thaw()
        await universe.until(universe.is_ready)
        assert len(gate) == 0
        await universe.settle()
        assert universe.process.engine.idle()

"""Whoever takes over the making of servers of a cloud: nothing that is in flight is made twice.

A Fleet that is edited has another provider, a part of the work may pass to another replica; either
hears of what was posted before by lists alone. Under the engine as it is, in virtual time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller.api.resources import Resource
from controller.kube import slots
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import opening
from fakes.openstack import Cloud, Fault
from fakes.universe import component
from proof.mutants import arena
from proof.mutants.crew import Crew
from tests.simulation.test_clouds import SPEC, Country

pytestmark = pytest.mark.looptime

SERVERS = "/compute/servers"


def posts(cloud: Cloud) -> list[str]:
    """Return the names of the servers that were asked for, sorted."""
    return sorted(body["server"]["name"] for path, body in cloud.posted if path == SERVERS)


def edit(country: Country) -> None:
    """Change the Fleet so that another provider is opened for it."""
    body = {"spec": {"openstack": {"resize": "WhenPossible"}}}
    country.universe.server.registry.patch(Resource.FLEETS, "", "west", body, actor="user")


async def test_a_fleet_that_is_edited_among_creates_makes_nothing_twice() -> None:
    """The new provider lists before what the old one posts shows, and waits for that to be over."""
    country = Country()
    edited = False

    def slowly(method: str, path: str) -> None:
        nonlocal edited
        asked = (method, path) == ("POST", SERVERS)
        country.cloud.timing.answer = 5.0 if asked else 0.02
        if asked and not edited:
            edited = True
            edit(country)

    async with country.universe:
        await country.found()
        country.cloud.on_request = slowly
        await country.apply(8)
        await country.until(lambda: country.is_ready)
        assert edited
        assert posts(country.cloud) == [f"shop-web-{number}" for number in range(8)]
        assert len(country.there()) == 8


async def test_what_a_lost_create_made_is_deleted_though_the_fleet_was_edited() -> None:
    """The provider that knew of the doubt is gone; the next one leaves nothing behind."""
    country = Country()
    async with country.universe:
        await country.found()
        country.cloud.faults.append(Fault(method="POST", path="/servers$", lost=True, late=3.0))
        await country.apply(1)
        await country.until(lambda: posts(country.cloud))
        await asyncio.sleep(0.05)
        edit(country)
        await country.universe.delete(Resource.APPLICATIONS, "shop")
        await country.until(lambda: not country.universe.names(Resource.APPLICATIONS))
        await asyncio.sleep(60)
        assert country.cloud.settle() == []


async def test_a_new_fleet_keeps_nobody_waiting() -> None:
    """Nobody made servers of it before: the first is posted as soon as it is asked for."""
    country = Country()
    async with country.universe:
        await asyncio.sleep(30)
        await country.found()
        await country.apply(1)
        await country.until(lambda: posts(country.cloud), seconds=3)


@contextlib.asynccontextmanager
async def crewed(cloud: Cloud) -> AsyncIterator[Crew]:
    """Give a stage for replicas whose Fleet is of a cloud."""

    @contextlib.asynccontextmanager
    async def connect(*_: object) -> AsyncIterator[opening.CloudConnection]:
        yield opening.CloudConnection(tokens=cloud, transport=cloud, prober=cloud)

    stage = arena.Stage(seed=7)
    body = {
        "metadata": {"name": "west"},
        "spec": {"provider": "openstack", "openstack": {"cloud": "test"}},
    }
    stage.server.registry.create(Resource.FLEETS, "", body, actor="person")
    try:
        yield Crew(stage, providers={"openstack": openstack.kind(connect)})
    finally:
        await stage.kill()


async def test_what_passes_to_another_replica_among_creates_is_made_once() -> None:
    """The other one's lists are seconds old, and what the first has posted is on no record yet."""
    cloud = Cloud()
    async with crewed(cloud) as crew:
        first, second = crew.join(), crew.join()
        await crew.shared(first, second)
        names = [f"shop{number}" for number in range(16)]
        mine = [each for each in names if slots.of(arena.NAMESPACE, each) in first.owned()]
        await asyncio.sleep(120)
        web = component("web", 1) | {"template": {"spec": SPEC}}
        for name in mine:
            crew.stage.put(Resource.APPLICATIONS, name, {"components": [web], "fleet": "west"})
        await crew.stage.until("posted", lambda: len(posts(cloud)) == len(mine))
        await first.leave()
        await crew.shared(second)
        for name in mine:
            await crew.stage.ready(name)
        assert posts(cloud) == sorted(f"{name}-web-0" for name in mine)

"""Where servers are, and which failure domain they wait for, is told where people look."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.presentation import answers, forecast, inspection, pictures
from controller.presentation.answers import Answer
from controller.presentation.references import Reference
from fakes.universe import Json, application, component
from tests.simulation.zoned import ZONES, World

pytestmark = pytest.mark.looptime

ONE: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
NEVER: Json = {"remediation": {"afterSeconds": 100_000, "maxHoldSeconds": 100_000}}


async def why(world: World, resource: Resource, name: str) -> Answer:
    """Return what `why` says of an object."""
    async with inspection.look(world.server, "default") as look:
        found = answers.walk(look, Reference(resource=resource, name=name), "default")
    assert found is not None
    return found


def picture(world: World, name: str) -> pictures.ServerPicture:
    """Return the picture of a server."""
    body = world.get(Resource.SERVERS, name)
    return pictures.server(msgspec.json.decode(json.dumps(body), type=objects.Server))


async def test_why_on_an_application_names_the_sick_domain_that_holds_its_rollout() -> None:
    """It is told of the application, and not of its set alone."""
    async with World() as world:
        await world.open(9, rollout=ONE, recovery=NEVER)
        sick = next(each for each in world.machines.machines if each.zone == "c")
        world.machines.silence(sick.key)
        await world.settle()
        await world.ask(9, image="app:2", rollout=ONE, recovery=NEVER)
        await asyncio.sleep(120)
        found = await why(world, Resource.APPLICATIONS, "shop")
        told = {each.reason: each.message for each in found.waits}
        assert "failure domain c" in told["DomainSick"]


@pytest.mark.parametrize("require", [True, False])
async def test_why_on_an_application_names_domains_that_are_closed(*, require: bool) -> None:
    """All are cordoned: a server that is to be added waits, and the application says for what."""
    async with World() as world:
        await world.open(3)
        for each in ZONES:
            await world.turn(each, state="Cordoned")
        await world.ask(4, spread={"require": require})
        await asyncio.sleep(60)
        found = await why(world, Resource.APPLICATIONS, "shop")
        told = {(each.object, each.reason) for each in found.waits}
        assert ("Fleet/metal", "DomainClosed") in told


async def test_a_server_says_where_it_is_and_where_it_is_to_be() -> None:
    """While it is nowhere yet, its own domain is told; where it landed elsewhere, both are."""
    async with World() as world:
        world.machines.settings = world.machines.settings.__class__(full_zones=("b",))
        await world.open(2)
        assert picture(world, "shop-web-0").place == "a"
        landed = picture(world, "shop-web-1")
        assert (landed.domain, landed.place) == ("b", f"{landed.zone}, not b")
        answer = await why(world, Resource.SERVERS, "shop-web-1")
        assert answer.domain == landed.place
        world.machines.settings = world.machines.settings.__class__(full_zones=ZONES)
        await world.ask(3)
        await asyncio.sleep(30)
        waits = picture(world, "shop-web-2")
        assert waits.place == waits.domain == "c"


async def test_a_plan_says_in_which_domains_servers_will_be() -> None:
    """And there they are, once the change is applied."""
    async with World() as world:
        world.domains["c"]["weight"] = 2
        await world.open(4)
        body = application("shop", component("web", 8, spread={}), fleet="metal")
        wanted = {**world.get(Resource.APPLICATIONS, "shop"), "spec": body["spec"]}
        async with inspection.look(world.server, "default") as look:
            told = forecast.forecast(
                look.sources,
                msgspec.json.decode(json.dumps(wanted), type=objects.Application),
                world.server.now(),
            )
        await world.have(8)
        seen = {each.key[1]: each.zone for each in world.machines.machines}
        assert told.domains == {name: seen[name] for name in told.domains}
        assert len(told.domains) == 4

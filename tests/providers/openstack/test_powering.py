"""Servers are stopped and started; a yes of the cloud that came to nothing is told."""

import asyncio
import contextlib
from typing import Any

import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase, Verb
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

DOWN = server(power="Stopped")
TWO = server(incarnation=2, restart_as=2)


def change(instance: str) -> contract.Call:
    """Return a plan's wish for the server as its Server has it."""
    return contract.Call(verb=Verb.CHANGE, why="test", instance=instance, template=template())


async def made(coast: Coast) -> tuple[contract.Provider, str]:
    """Return a provider, and the id of a server that is ready."""
    provider = await coast.provider()
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    return provider, provider.observe(server()).id


async def is_down(coast: Coast, provider: contract.Provider, identifier: str) -> None:
    """Have the server stopped."""
    await provider.change(DOWN, change(identifier))
    await coast.until(lambda: coast.there()[0].status == "SHUTOFF")
    await coast.until(lambda: not provider.observe(DOWN).changing)


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("os-start", server()),
        ("os-stop", DOWN),
        # Of a restart: its stop, and its start.
        ("os-stop", TWO),
        ("os-start", TWO),
    ],
)
async def test_a_yes_that_came_to_nothing_is_told(
    coast: Coast, action: str, wanted: objects.Server
) -> None:
    """It is asked for again each time, and told until it comes about."""
    provider, identifier = await made(coast)
    (machine,) = coast.there()
    if action == "os-start":
        await is_down(coast, provider, identifier)
    began, coast.cloud.powers = len(coast.cloud.bodies(action)), False
    await provider.change(wanted, change(identifier))
    for count in (2, 3):
        await coast.until(lambda: not provider.observe(wanted).changing)
        with pytest.raises(errors.Transient, match=f"{identifier}, and left it") as told:
            await provider.change(wanted, change(identifier))
        assert told.value.reason == "CloudPowerFailed"
        assert len(coast.cloud.bodies(action)) == began + count
    coast.cloud.powers = True
    # While it is asked for once more that it failed is no less true.
    with pytest.raises(errors.Transient, match=f"{identifier}, and left it"):
        await provider.change(wanted, change(identifier))
    await _carry_out(coast, provider, wanted)
    assert machine.id == identifier


async def _carry_out(coast: Coast, provider: contract.Provider, wanted: objects.Server) -> None:
    """Ask whenever nothing is under way, as plans do, until the server is as wanted."""
    phase = Phase.STOPPED if wanted.spec.power == "Stopped" else Phase.RUNNING
    for _ in range(30):
        await coast.until(lambda: not provider.observe(wanted).changing)
        seen = provider.observe(wanted)
        if (seen.phase, seen.incarnation) == (phase, wanted.spec.incarnation):
            return
        with contextlib.suppress(errors.Transient, errors.Waiting):
            await provider.change(wanted, change(seen.id))
        await asyncio.sleep(1)
    pytest.fail(f"{provider.observe(wanted)}")


@pytest.mark.parametrize(
    ("action", "way_up"),
    [("pause", "unpause"), ("suspend", "resume"), ("shelve", "unshelve")],
)
async def test_what_somebody_paused_comes_up_where_it_should_run(
    coast: Coast, action: str, way_up: str
) -> None:
    """Each in the way in which Nova takes it back, once; where it should be down it is left so."""
    provider, identifier = await made(coast)
    assert coast.cloud.do(identifier, action).status == 202
    await coast.until(lambda: provider.observe(server()).phase is Phase.STOPPED)
    await coast.until(lambda: not provider.observe(server()).changing)
    await provider.change(DOWN, change(identifier))
    assert coast.cloud.bodies(way_up) == []
    await provider.change(server(), change(identifier))
    await coast.until(lambda: provider.observe(server()).ready)
    assert coast.cloud.bodies(way_up) == [None]
    assert [each.id for each in coast.there()] == [identifier]


async def test_what_is_broken_goes_down_where_it_should(coast: Coast) -> None:
    """Nova stops what is in ERROR, too."""
    provider, identifier = await made(coast)
    (machine,) = coast.there()
    machine.status, machine.fault, machine.updated = "ERROR", "on fire", coast.cloud.now
    await coast.until(lambda: provider.observe(DOWN).phase is Phase.FAILED)
    await is_down(coast, provider, identifier)
    await coast.until(lambda: provider.observe(DOWN).phase is Phase.STOPPED)
    assert coast.cloud.bodies("os-stop") == [None]


async def test_what_has_come_about_may_be_asked_for_anew(coast: Coast) -> None:
    """A server that goes down by itself after a start has not been started in vain."""
    provider, identifier = await made(coast)
    for _ in range(3):
        await is_down(coast, provider, identifier)
        await provider.change(server(), change(identifier))
        await coast.until(lambda: provider.observe(server()).ready)
    assert len(coast.cloud.bodies("os-start")) == 3


async def test_another_wish_has_failed_not_yet(coast: Coast) -> None:
    """Whoever stops a server that could not be started, and starts it later, asks anew."""
    provider, identifier = await made(coast)
    await is_down(coast, provider, identifier)
    coast.cloud.powers = False
    await provider.change(server(), change(identifier))
    await coast.until(lambda: not provider.observe(server()).changing)
    coast.cloud.powers = True
    await provider.change(_next(server()), change(identifier))
    await coast.until(lambda: provider.observe(server()).ready)


def _next(of: objects.Server) -> objects.Server:
    """Return a Server as it is once somebody has changed what it should be."""
    meta: Any = objects.Meta(
        name=of.metadata.name, namespace=of.metadata.namespace, uid=of.metadata.uid,
        generation=of.metadata.generation + 1,
    )  # fmt: skip
    return objects.Server(metadata=meta, spec=of.spec, status=of.status)

"""A process that leads no more asks nothing of the cloud that changes anything, whenever it wakes.

Another leads by then, and people have changed their minds meanwhile.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import pytest

from controller import contract, errors
from controller.contract import Phase, Verb
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

OUTSIDE = [{"name": "tenant", "floatingIPFrom": "public"}]


@dataclasses.dataclass(slots=True)
class Lease:
    """Whether the process holds it."""

    held: bool = True


async def opened(coast: Coast, lease: Lease) -> contract.Provider:
    """Open the provider of a process that has this Lease."""
    return await coast.provider(may_write=lambda: lease.held, rebuild="WhenPossible")


async def test_a_create_that_waits_for_its_turn_is_not_sent_by_who_leads_no_more(
    coast: Coast,
) -> None:
    """The cloud asked for a pause; when that is over, another makes the server."""
    lease = Lease()
    provider = await opened(coast, lease)
    slow = Reply(status=429, headers={"retry-after": "20"})
    coast.cloud.faults.append(Fault(method="POST", path="/servers$", reply=slow))
    call = asyncio.create_task(provider.create(server(), create()))
    await asyncio.sleep(5)
    lease.held = False
    with pytest.raises(errors.LeaseLost):
        await call
    assert len(coast.asked("POST", "/servers")) == 1
    lease.held = True
    # Nothing is in doubt either: what was not sent makes nothing.
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)


def _delete(provider: contract.Provider, instance: str) -> Awaitable[object]:
    return provider.delete(server(), contract.Call(verb=Verb.DELETE, why="t", instance=instance))


def _erase(provider: contract.Provider, instance: str) -> Awaitable[object]:
    call = contract.Call(verb=Verb.DELETE, why="t", instance=instance, grace_seconds=0)
    return provider.delete(server(), call)


def _rebuild(provider: contract.Provider, instance: str) -> Awaitable[object]:
    given = template(image="v2")
    call = contract.Call(verb=Verb.CHANGE, why="t", instance=instance, template=given)
    return provider.change(server(revision="two"), call)


def _stop(provider: contract.Provider, instance: str) -> Awaitable[object]:
    call = contract.Call(verb=Verb.CHANGE, why="t", instance=instance, template=template())
    return provider.change(server(power="Stopped"), call)


@pytest.mark.parametrize("call", [_delete, _erase, _rebuild, _stop])
async def test_whoever_leads_no_more_changes_no_server(
    coast: Coast, call: Callable[[contract.Provider, str], Awaitable[object]]
) -> None:
    """It wakes with the call at hand: the server stays as it is, and may be asked for again."""
    lease = Lease()
    provider = await opened(coast, lease)
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    seen, (machine,) = provider.observe(server()), coast.there()
    before = dataclasses.replace(machine)
    lease.held = False
    with pytest.raises(errors.LeaseLost):
        await call(provider, machine.id)
    await asyncio.sleep(60)
    assert coast.there() == [before]
    assert provider.observe(server()) == seen
    lease.held = True
    await call(provider, machine.id)


async def test_the_loops_of_who_leads_no_more_only_look(coast: Coast) -> None:
    """A floating IP that lacks is not made, nor a double deleted; nobody is told that it fails."""
    lease = Lease()
    provider = await opened(coast, lease)
    await provider.create(server(), create(template(networks=OUTSIDE)))
    (machine,) = coast.there()
    lease.held = False
    await coast.until(lambda: machine.status == "ACTIVE")
    marks = {"tags": list(machine.tags), "metadata": dict(machine.metadata)}
    twin = coast.cloud.add({**machine.body, **marks})
    await asyncio.sleep(300)
    assert coast.cloud.floating_ips == {}
    assert {each.id for each in coast.there()} == {machine.id, twin.id}
    assert provider.observe(server()).stuck == ()
    assert provider.silence() is None
    lease.held = True
    await coast.until(lambda: provider.observe(server()).ready)
    await coast.until(lambda: coast.there() == [machine])


async def test_whoever_leads_no_more_may_read_consoles(coast: Coast) -> None:
    """To read one is a POST for Nova, and changes nothing."""
    lease = Lease()
    provider = await opened(coast, lease)
    await provider.create(server(), create(template(readiness={"console": {}})))
    await coast.until(lambda: provider.observe(server()).phase is Phase.RUNNING)
    (machine,) = coast.there()
    lease.held = False
    machine.console = f"argosy-ready {machine.metadata['argosy.token']}\n"
    await coast.until(lambda: provider.observe(server()).ready)

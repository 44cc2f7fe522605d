"""What a Fleet has on its record as let go of: in nobody's way, though it bears our marks."""

from __future__ import annotations

import asyncio

import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault, Machine
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

OPEN = template(networks=[{"name": "tenant", "floatingIPFrom": "public"}])


async def let_go(coast: Coast, wanted: bytes = OPEN) -> tuple[contract.Provider, Machine]:
    """Return a provider whose Fleet has the instance of the Server on its record, and that one."""
    before = await coast.provider()
    await before.create(server(), create(wanted))
    await coast.until(lambda: before.observe(server()).ready)
    (machine,) = coast.there()
    await coast.close()
    orphan = objects.Orphan(id=machine.id, server="default/shop-web-0")
    return await coast.provider(orphans=(orphan,)), machine


@pytest.mark.parametrize("lost", [False, True], ids=["told", "the answer is lost"])
async def test_another_is_made_beside_what_was_let_go_of(coast: Coast, *, lost: bool) -> None:
    """Of the same incarnation, as after a failed attempt: neither is the other's double."""
    provider, first = await let_go(coast)
    assert provider.observe(server(recorded=first.id)) is contract.ABSENT
    if lost:
        coast.cloud.faults.append(Fault(method="POST", path="/servers$", reply=Reply(status=504)))
        with pytest.raises(errors.UnknownOutcome):
            await provider.create(server(recorded=first.id), create(OPEN))
    await provider.create(server(recorded=first.id), create(OPEN))
    await coast.until(lambda: provider.observe(server()).ready)
    await asyncio.sleep(300)
    assert len(coast.there()) == 2
    seen = provider.observe(server())
    assert (seen.phase, seen.ready, seen.doubles) == (Phase.RUNNING, True, ())
    assert seen.id != first.id
    assert provider.instance(server().metadata) == seen.id
    assert {each.id for each in provider.instances() or ()} == {first.id, seen.id}
    await provider.collect(first.id, "default/shop-web-0")
    await coast.until(lambda: len(coast.cloud.settle()) == 1)
    assert provider.observe(server()).id == seen.id


async def test_whoever_goes_does_not_wait_for_the_floating_ip_of_what_was_let_go_of(
    coast: Coast,
) -> None:
    """That is the instance's for as long as it is there, and goes with it."""
    provider, first = await let_go(coast)
    await coast.until(lambda: provider.observe(server()) is contract.ABSENT)
    assert [each.port for each in coast.cloud.floating_ips.values()] != [None]
    await provider.collect(first.id, "default/shop-web-0")
    await coast.until(lambda: not coast.cloud.floating_ips, seconds=300)

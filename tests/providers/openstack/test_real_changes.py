"""On real services: pauses that a cloud asks for, and a floating IP that stays through changes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from controller import contract, errors
from controller.contract import Phase, Verb
from devcluster.openstack.fixtures import Tenant
from proof.faults.cloud import CloudProxy, Kind, Rule
from tests.providers.openstack.test_real import Abroad, abroad, call, until

__all__ = ["abroad"]

pytestmark = pytest.mark.cloud

PAUSE = 3
POSTS = {"service": "compute", "method": "POST", "path": r"/servers$"}


@pytest.mark.parametrize("status", [413, 429])
async def test_a_cloud_that_asks_for_a_pause_gets_it(tenant: Tenant, status: int) -> None:
    """The call goes out once more when that is over: one server, and no failure of it."""
    async with CloudProxy(tenant.clouds, tenant.cloud, seed=0) as proxy:
        place = Abroad(tenant, proxy.clouds)
        await place.begin()
        try:
            provider, one = await place.provider(), place.server()
            rule = Rule(**POSTS, kind=Kind.REFUSED, status=status, retry_after=PAUSE, times=1)  # type: ignore[arg-type]  # a row of the table
            proxy.rules = [rule]
            began = time.monotonic()
            await provider.create(one, place.create())
            assert time.monotonic() - began >= PAUSE
            posts = [each.fault for each in proxy.made("compute", "POST", r"/servers$")]
            assert posts == [Kind.REFUSED, None]
            await until(lambda: provider.observe(one).ready)
            assert place.there() == [provider.observe(one).id]
        finally:
            proxy.rules = []
            await place.end()


async def test_a_floating_ip_stays_through_resize_rebuild_and_power(
    abroad: Abroad, request: Any
) -> None:
    """The same address leads to the same port, and the server is ready with it after each."""
    request.getfixturevalue("own_cloud")
    provider, one = await abroad.provider(resize="WhenPossible"), abroad.server()
    opened = [{"name": abroad.tenant.network, "floatingIPFrom": "public"}]
    await provider.create(one, abroad.create(networks=opened))
    await until(lambda: provider.observe(one).ready)
    made, before = provider.observe(one), _outside(abroad)
    assert before["floating_ip_address"] in made.addresses
    changes: list[dict[str, Any]] = [{"flavor": "m1.small"}, {"userData": "#!/bin/sh"}]
    spec: dict[str, Any] = {"networks": opened}
    for number, change in enumerate(changes):
        spec |= change
        one = abroad.server(revision=f"later-{number}")
        await _carry_out(abroad, provider, one, spec)
    for power, phase in (("Stopped", Phase.STOPPED), ("Running", Phase.RUNNING)):
        one = abroad.server(revision="later-1", power=power)
        await _carry_out(abroad, provider, one, spec, phase)
    await until(lambda: provider.observe(one).ready)
    assert abroad.tenant.server(made.id)["flavor"]["original_name"] == "m1.small"
    after = provider.observe(one)
    assert (after.id, after.addresses) == (made.id, made.addresses)
    kept = ("id", "floating_ip_address", "port_id")
    assert [_outside(abroad)[each] for each in kept] == [before[each] for each in kept]
    await provider.delete(one, call(Verb.DELETE, made.id))
    gone = abroad.server(recorded=made.id)
    await until(lambda: provider.observe(gone) == contract.ABSENT)


async def _carry_out(
    abroad: Abroad,
    provider: contract.Provider,
    server: Any,
    spec: dict[str, Any],
    phase: Phase = Phase.RUNNING,
) -> None:
    """Ask for a change whenever nothing is under way, as plans do, until it has come about."""

    def is_so() -> bool:
        seen = provider.observe(server)
        return (seen.revision, seen.phase) == (server.spec.revision, phase) and not seen.changing

    wish = call(Verb.CHANGE, provider.observe(server).id, abroad.template(**spec))
    while not is_so():
        await until(lambda: not provider.observe(server).changing)
        if not is_so():
            with contextlib.suppress(errors.Waiting):
                await provider.change(server, wish)
            await asyncio.sleep(1)


def _outside(abroad: Abroad) -> dict[str, Any]:
    """Return the only floating IP that was made for the fleet."""
    found = abroad.tenant.client.get("network", "/floatingips")["floatingips"]
    (only,) = [each for each in found if f"argosy {abroad.uid} " in each["description"]]
    return dict(only)

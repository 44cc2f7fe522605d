"""On real services: pauses that a cloud asks for, and what stays through changes and restarts."""

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


async def test_a_restart_keeps_a_real_server(abroad: Abroad) -> None:
    """Stopped and started as the next incarnation, which the next operator sees as well."""
    provider, one = await abroad.provider(), abroad.server()
    await provider.create(one, abroad.create())
    await until(lambda: provider.observe(one).ready)
    made = provider.observe(one)
    again = abroad.server(incarnation=2, restart_as=2)
    await _carry_out(abroad, provider, again, {})
    await until(lambda: provider.observe(again).ready)
    after = provider.observe(again)
    assert (after.id, after.addresses, after.incarnation) == (made.id, made.addresses, 2)
    assert after.ready_since > made.ready_since
    tags = abroad.tenant.server(made.id)["tags"]
    assert [each for each in tags if each.endswith(f"{again.metadata.uid}.1")] == []
    acts = abroad.tenant.client.get("compute", f"/servers/{made.id}/os-instance-actions")
    asked = [each["action"] for each in acts["instanceActions"]]
    assert (asked.count("stop"), asked.count("start")) == (1, 1)
    successor = await abroad.provider()
    assert successor.observe(again) == after
    await provider.delete(again, call(Verb.DELETE, made.id))
    await until(lambda: provider.observe(again) == contract.ABSENT)


async def _carry_out(
    abroad: Abroad,
    provider: contract.Provider,
    server: Any,
    spec: dict[str, Any],
    phase: Phase = Phase.RUNNING,
) -> None:
    """Ask for a change whenever nothing is under way, as plans do, until it has come about."""

    def is_so() -> bool:
        seen, spec = provider.observe(server), server.spec
        told = (seen.revision, seen.incarnation, seen.phase)
        return told == (spec.revision, spec.incarnation, phase) and not seen.changing

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

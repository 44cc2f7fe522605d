"""The provider on real services: Keystone, Nova, Glance and Neutron, on hosts that are not.

The same promises as of the cloud in memory, so that this one is known to behave as the other.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.api.resources import Resource
from controller.contract import Phase, Verb, tasks
from controller.providers.openstack import kind as openstack
from controller.providers.openstack import template
from controller.providers.openstack.rights import SECRET
from devcluster.openstack.fixtures import Tenant
from fakes.api_server import ApiServer
from proof.faults.cloud import CloudProxy, Kind, Rule

pytestmark = pytest.mark.cloud

PATIENCE = 240.0
HOME = "default"


class Abroad:
    """A fleet of a real cloud, with a uid of its own, and providers of it."""

    def __init__(self, tenant: Tenant, clouds: Path) -> None:
        self.uid = f"fleet-{secrets.token_hex(6)}"
        self.tenant = tenant
        self._clouds = clouds
        self._api = ApiServer()
        self._open = contextlib.AsyncExitStack()

    async def begin(self) -> None:
        """Put the credentials where the operator finds them."""
        text = base64.b64encode(self._clouds.read_bytes()).decode()
        body = {"metadata": {"name": SECRET}, "data": {"clouds.yaml": text}}
        await self._api.create(Resource.SECRETS, HOME, body)

    async def end(self) -> None:
        """Close all providers, and delete whatever the fleet has."""
        await self._open.aclose()
        found = self.tenant.client.get("compute", f"/servers?tags=argosy.fleet.{self.uid}")
        self.tenant.delete(*(each["id"] for each in found["servers"]))

    async def provider(self, **more: str) -> contract.Provider:
        """Open a provider that logs in as the operator does; the Fleet says `more` as well."""
        context = contract.Context(api=self._api, informers={}, clock=time.time, namespace=HOME)
        settings = {"cloud": self.tenant.cloud, "rebuild": "WhenPossible", **more}
        fleet = objects.fleet(
            objects.Meta(name="abroad", uid=self.uid),
            objects.FleetSpec(provider="openstack"),
            msgspec.Raw(msgspec.json.encode(settings)),
        )
        return await self._open.enter_async_context(openstack.kind().open(context, fleet))

    def server(self, ordinal: int = 0, *, recorded: str = "", **spec: Any) -> objects.Server:
        """Return a Server of the fleet."""
        given = {"application": "shop", "component": "web", "ordinal": ordinal, "revision": "one"}
        return objects.Server(
            metadata=objects.Meta(
                name=f"shop-web-{ordinal}", namespace=HOME, uid=f"{self.uid}-{ordinal}"
            ),
            spec=objects.ServerSpec(**{**given, **spec}),
            status=objects.ServerStatus(provider=objects.ProviderStatus(id=recorded)),
        )

    def template(self, **changes: Any) -> bytes:
        """Return a template of what the tenant has."""
        spec: dict[str, Any] = {
            "flavor": self.tenant.flavor,
            "image": self.tenant.image,
            "networks": [{"name": self.tenant.network}],
        }
        return msgspec.json.encode({"spec": spec | changes})

    def create(self, **changes: Any) -> contract.Call:
        """Return a plan's wish for a server."""
        return contract.Call(verb=Verb.CREATE, why="test", template=self.template(**changes))

    def there(self) -> list[str]:
        """Return the ids of the fleet's servers that are not on their way out."""
        path = f"/servers/detail?tags=argosy.fleet.{self.uid}"
        found = self.tenant.client.get("compute", path)["servers"]
        return [each["id"] for each in found if each["OS-EXT-STS:task_state"] != "deleting"]


async def until(holds: Callable[[], bool]) -> None:
    """Return once something holds; fail when that takes too long."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - the cloud tells nobody
            await asyncio.sleep(0.2)


@pytest.fixture
async def abroad(tenant: Tenant) -> AsyncIterator[Abroad]:
    """Give a fleet of the cloud."""
    made = Abroad(tenant, tenant.clouds)
    await made.begin()
    yield made
    await made.end()


def call(verb: Verb, instance: str, given: bytes = b"", **more: Any) -> contract.Call:
    """Return a plan's wish about an instance."""
    return contract.Call(verb=verb, why="test", instance=instance, template=given, **more)


async def test_a_server_lives_in_a_real_cloud(abroad: Abroad) -> None:
    """It is made, seen alike by a successor, rebuilt, stopped, started and deleted."""
    provider, one = await abroad.provider(), abroad.server()
    await provider.create(one, abroad.create())
    await until(lambda: provider.observe(one).ready)
    made = provider.observe(one)
    successor = await abroad.provider()
    assert successor.observe(one) == made
    await successor.create(one, abroad.create())
    assert abroad.there() == [made.id]
    two, after = abroad.server(revision="two"), abroad.template(userData="#!/bin/sh")
    await provider.change(two, call(Verb.CHANGE, made.id, after))
    await until(lambda: provider.observe(two).ready and provider.observe(two).revision == "two")
    stopped = abroad.server(revision="two", power="Stopped")
    await provider.change(stopped, call(Verb.CHANGE, made.id, after))
    await until(lambda: provider.observe(two).phase is Phase.STOPPED)
    await until(lambda: not provider.observe(two).changing)
    await provider.change(two, call(Verb.CHANGE, made.id, after))
    await until(lambda: provider.observe(two).ready)
    assert (provider.observe(two).id, provider.observe(two).addresses) == (made.id, made.addresses)
    await provider.delete(two, call(Verb.DELETE, made.id))
    await until(lambda: provider.observe(two) == contract.ABSENT)
    await until(lambda: successor.observe(two) == contract.ABSENT)


async def test_a_snapshot_is_taken_once_and_restored(abroad: Abroad) -> None:
    """The image is found again by its task, and the server comes back from it ready."""
    provider, one = await abroad.provider(), abroad.server()
    await provider.create(one, abroad.create())
    await until(lambda: provider.observe(one).ready)

    def task(action: str) -> contract.Call:
        given = msgspec.Raw(msgspec.json.encode({"arguments": {"snapshot": "before"}}))
        wanted = objects.Task(
            id=f"{abroad.uid}-{action}", operation="op", action=action, parameters=given
        )
        return call(Verb.ACT, provider.observe(one).id, task=wanted)

    facts = await provider.act(one, task(tasks.SNAPSHOT))
    assert (await provider.resume(one, task(tasks.SNAPSHOT)))["image"] == facts["image"]
    await provider.act(one, task(tasks.RESTORE))
    await until(lambda: provider.observe(one).ready)
    shown = abroad.tenant.server(provider.observe(one).id)
    assert shown["image"]["id"] == facts["image"]
    assert provider.observe(one).revision == "one"
    await provider.delete(one, call(Verb.DELETE, provider.observe(one).id))
    await until(lambda: provider.observe(one) == contract.ABSENT)
    abroad.tenant.client.delete("image", f"/images/{facts['image']}")


async def test_two_leaders_make_one_server(abroad: Abroad) -> None:
    """Nova makes both; the younger is deleted, and both leaders agree which that is."""
    providers, one = [await abroad.provider(), await abroad.provider()], abroad.server()
    await asyncio.gather(*(each.create(one, abroad.create()) for each in providers))
    await until(lambda: len(abroad.there()) == 1)
    await until(lambda: all(each.observe(one).ready for each in providers))
    assert [each.observe(one).id for each in providers] == abroad.there() * 2


async def test_an_answer_that_was_lost_makes_no_second_server(tenant: Tenant) -> None:
    """The POST is carried out and its connection cut: the next call finds what that made."""
    async with CloudProxy(tenant.clouds, tenant.cloud, seed=0) as proxy:
        abroad = Abroad(tenant, proxy.clouds)
        await abroad.begin()
        try:
            provider, one = await abroad.provider(), abroad.server()
            lost = Rule(
                kind=Kind.LOST, service="compute", method="POST", path=r"/servers$", times=1
            )
            proxy.rules = [lost]
            with pytest.raises(errors.UnknownOutcome):
                await provider.create(one, abroad.create())
            await provider.create(one, abroad.create())
            await until(lambda: provider.observe(one).ready)
            assert abroad.there() == [provider.observe(one).id]
        finally:
            proxy.rules = []
            await abroad.end()


async def test_a_silent_cell_makes_nothing_twice(tenant: Tenant) -> None:
    """Lists are empty: an operator that starts then looks for what is on record by its id."""
    async with CloudProxy(tenant.clouds, tenant.cloud, seed=0) as proxy:
        abroad = Abroad(tenant, proxy.clouds)
        await abroad.begin()
        try:
            provider, one = await abroad.provider(), abroad.server()
            await provider.create(one, abroad.create())
            await until(lambda: provider.observe(one).ready)
            made = provider.observe(one).id
            proxy.rules = [Rule(kind=Kind.EMPTY, service="compute", path=r"/servers.*\?.*tags=")]
            successor, known = await abroad.provider(), abroad.server(recorded=made)
            with contextlib.suppress(errors.Waiting):
                await successor.create(known, abroad.create())
            await until(lambda: successor.observe(known).ready)
            assert successor.observe(known).id == made
            proxy.rules = []
            assert abroad.there() == [made]
        finally:
            proxy.rules = []
            await abroad.end()


async def test_what_has_no_server_says_whose_it_was_and_goes_by_its_id(
    abroad: Abroad, tenant: Tenant
) -> None:
    """An operator that never saw the Servers lists their instances; another fleet's touches none.

    Nothing is concluded while the cloud does not answer.
    """
    maker, servers = await abroad.provider(), [abroad.server(0), abroad.server(1)]
    for each in servers:
        await maker.create(each, abroad.create())
    await until(lambda: all(maker.observe(each).ready for each in servers))
    other = Abroad(tenant, tenant.clouds)
    await other.begin()
    async with CloudProxy(tenant.clouds, tenant.cloud, seed=0) as proxy:
        away = Abroad(tenant, proxy.clouds)
        away.uid = abroad.uid
        await away.begin()
        try:
            heir = await away.provider()
            found = {each.server: each for each in heir.instances() or ()}
            assert {each: found[each].uid for each in sorted(found)} == {
                f"{HOME}/{each.metadata.name}": each.metadata.uid for each in servers
            }
            lost = found[f"{HOME}/shop-web-1"]
            stranger = await other.provider()
            assert stranger.instances() == ()
            await stranger.collect(lost.id, lost.server)
            assert len(abroad.there()) == 2
            proxy.rules = [Rule(kind=Kind.UNHEARD, service="compute", path=r"/servers")]
            await until(lambda: heir.instances() is None)
            proxy.rules = []
            await until(lambda: heir.instances() is not None)
            await heir.collect(lost.id, lost.server)
            # The cloud takes its time with a delete that it has taken.
            kept = [found[f"{HOME}/shop-web-0"].id]
            await until(lambda: abroad.there() == kept)
            await until(lambda: [each.id for each in heir.instances() or ()] == kept)
        finally:
            proxy.rules = []
            await other.end()
            await away.end()


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": [{"name": "nowhere"}]},
        {"image": "nowhere"},
        {"flavor": "nowhere"},
        {"keyName": "nobody"},
        {"securityGroups": ["none"]},
        {"availabilityZone": "nowhere"},
    ],
    ids=str,
)
async def test_a_template_is_refused(abroad: Abroad, changes: dict[str, Any]) -> None:
    """Whatever is named must be there, whether we look it up or Nova does."""
    provider = await abroad.provider()
    with pytest.raises(errors.TemplateRefused):
        await provider.create(abroad.server(), abroad.create(**changes))
    assert abroad.there() == []


async def test_the_largest_user_data_are_taken(abroad: Abroad) -> None:
    """Nova counts in base64."""
    provider, one = await abroad.provider(), abroad.server()
    await provider.create(one, abroad.create(userData="x" * template.LARGEST_USER_DATA))
    await until(lambda: provider.observe(one).ready)


async def test_what_fake_hosts_do_is_seen(abroad: Abroad, request: Any) -> None:
    """A console that says so makes ready; a cloud without room says why; a spawn is waited for."""
    request.getfixturevalue("own_cloud")
    provider = await abroad.provider()
    says, huge, slow = (abroad.server(number) for number in range(3))
    line = {"argosy-host.console": f"argosy-ready {template.token(says)}"}
    await provider.create(says, abroad.create(readiness={"console": {}}, metadata=line))
    await provider.create(huge, abroad.create(flavor="m1.huge"))
    await provider.create(slow, abroad.create(metadata={"argosy-host.spawn": "15"}))
    await provider.delete(slow, call(Verb.DELETE, provider.observe(slow).id))
    assert provider.observe(slow).phase is Phase.TERMINATING
    await until(lambda: provider.observe(says).ready)
    await until(lambda: provider.observe(huge).reason == "NoCapacity")
    await until(lambda: provider.observe(slow) == contract.ABSENT)


async def test_ports_have_what_the_template_asks_for(abroad: Abroad, request: Any) -> None:
    """A floating IP and security groups come, change on the running server, and go with it."""
    request.getfixturevalue("own_cloud")
    client, name = abroad.tenant.client, f"web-{abroad.uid}"
    group = client.post("network", "/security-groups", {"security_group": {"name": name}})
    secure = group["security_group"]["id"]
    provider, one = await abroad.provider(), abroad.server()
    opened = [{"name": abroad.tenant.network, "floatingIPFrom": "public"}]
    await provider.create(one, abroad.create(networks=opened))
    await until(lambda: provider.observe(one).ready)
    made = provider.observe(one)
    (outside,) = _floating_ips(abroad)
    assert outside["floating_ip_address"] in made.addresses
    assert outside["port_id"]
    two, after = abroad.server(revision="two"), abroad.template(securityGroups=[name])
    await provider.change(two, call(Verb.CHANGE, made.id, after))
    ports = client.get("network", f"/ports?device_id={made.id}")["ports"]
    assert [each["security_groups"] for each in ports] == [[secure]]
    await until(lambda: not _floating_ips(abroad))
    three, again = abroad.server(revision="three"), abroad.template(networks=opened)
    await provider.change(three, call(Verb.CHANGE, made.id, again))
    await until(lambda: bool(_floating_ips(abroad)) and provider.observe(three).ready)
    await provider.delete(three, call(Verb.DELETE, made.id))
    gone = abroad.server(recorded=made.id)
    await until(lambda: provider.observe(gone) == contract.ABSENT)
    assert _floating_ips(abroad) == []
    client.delete("network", f"/security-groups/{secure}")


def _floating_ips(abroad: Abroad) -> list[dict[str, Any]]:
    """Return those that were made for the fleet."""
    found = abroad.tenant.client.get("network", "/floatingips")["floatingips"]
    return [each for each in found if f"argosy {abroad.uid} " in each["description"]]

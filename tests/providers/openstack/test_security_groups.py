"""Security groups are those of the template, on servers that run as well as on new ones."""

import pytest

from controller import contract, errors
from controller.contract import Verb
from fakes.openstack import Fault
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

WEB, DB = template(securityGroups=["web"]), template(securityGroups=["db", "web"])
PORTS = "/ports/"


def change(instance: str, wanted: bytes) -> contract.Call:
    """Return a plan's wish for another template."""
    return contract.Call(verb=Verb.CHANGE, why="test", instance=instance, template=wanted)


async def made(coast: Coast, wanted: bytes) -> tuple[contract.Provider, str]:
    """Return a provider, and the id of a server that is ready."""
    provider = await coast.provider()
    await provider.create(server(), create(wanted))
    await coast.until(lambda: provider.observe(server()).ready)
    return provider, provider.observe(server()).id


async def test_a_running_server_gets_other_groups(coast: Coast) -> None:
    """Its ports change, and nothing else: no rebuild, no restart; the revision is told last."""
    provider, identifier = await made(coast, WEB)
    assert provider.can_change(WEB, DB)
    two = server(revision="two")
    await provider.change(two, change(identifier, DB))
    assert coast.cloud.groups_of_ports == {f"port.{identifier}.network-1": ["group-2", "group-1"]}
    assert provider.observe(two).revision == "two"
    assert not coast.cloud.bodies("rebuild")


async def test_a_server_without_groups_has_the_default(coast: Coast) -> None:
    """As a new one has, and not what it had before."""
    provider, identifier = await made(coast, WEB)
    await provider.change(server(revision="two"), change(identifier, template()))
    assert coast.cloud.groups_of_ports == {f"port.{identifier}.network-1": ["group-default"]}


async def test_other_changes_leave_ports_alone(coast: Coast) -> None:
    """Nothing is asked of Neutron where the groups are as they were."""
    provider, identifier = await made(coast, WEB)
    wanted = template(securityGroups=["web"], metadata={"role": "front"})
    await provider.change(server(revision="two"), change(identifier, wanted))
    assert provider.observe(server(revision="two")).revision == "two"
    assert not coast.asked("PUT", PORTS)


async def test_a_change_that_failed_is_carried_out_later(coast: Coast) -> None:
    """The revision is not told before all ports have their groups."""
    provider, identifier = await made(coast, WEB)
    two = server(revision="two")
    coast.cloud.faults.append(Fault(method="PUT", path=PORTS, unsent=True))
    with pytest.raises(errors.ArgosyError):
        await provider.change(two, change(identifier, DB))
    assert provider.observe(two).revision == "one"
    await provider.change(two, change(identifier, DB))
    assert provider.observe(two).revision == "two"
    assert len(coast.cloud.groups_of_ports) == 1


@pytest.mark.parametrize("name", ["nowhere", "twin"])
async def test_a_group_must_be_one_that_is_there(coast: Coast, name: str) -> None:
    """One that nobody has, or several, is refused before anything is made."""
    coast.cloud.security_groups |= {"group-8": "twin", "group-9": "twin"}
    provider = await coast.provider()
    with pytest.raises(errors.TemplateRefused, match=f"security group {name}"):
        await provider.create(server(), create(template(securityGroups=[name])))
    assert not coast.there()

"""Tags and metadata that somebody takes off a server: it is told, never touched, never doubled."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase, Verb
from fakes.openstack import Machine
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime


def without_tags(machine: Machine) -> None:
    """Take all tags off."""
    machine.tags = []


def without_fleet(machine: Machine) -> None:
    """Take the tag of the fleet off."""
    machine.tags = [each for each in machine.tags if "fleet" not in each]


def without_name(machine: Machine) -> None:
    """Take off which Server it was made for."""
    del machine.metadata["argosy.server"]


def without_all(machine: Machine) -> None:
    """Take all off that says whose it is."""
    machine.tags, machine.metadata = [], {}


Strip = Callable[[Machine], None]
STRIPS = pytest.mark.parametrize(
    "strip",
    [without_tags, without_fleet, without_name, without_all],
    ids=lambda each: each.__name__,
)

PLAIN = template()
OPEN = template(networks=[{"name": "tenant", "floatingIPFrom": "public"}])
WANTED = pytest.mark.parametrize("wanted", [PLAIN, OPEN], ids=["plain", "floating"])


async def made(
    coast: Coast, wanted: bytes = PLAIN
) -> tuple[contract.Provider, objects.Server, Machine]:
    """Return a provider, a Server as its status tells it, and what was made for it."""
    provider = await coast.provider()
    await provider.create(server(), create(wanted))
    await coast.until(lambda: provider.observe(server()).ready)
    (machine,) = coast.there()
    known = server(recorded=machine.id)
    status = msgspec.structs.replace(known.status, revision="one", incarnation=1)
    return provider, msgspec.structs.replace(known, status=status), machine


def call(verb: Verb, instance: str) -> contract.Call:
    """Return what a plan asks for."""
    return contract.Call(verb=verb, why="test", instance=instance, template=template())


async def is_told_and_left(
    coast: Coast, provider: contract.Provider, known: objects.Server, machine: Machine
) -> None:
    """See that the server is told, and that whatever is asked of it does nothing."""
    await coast.until(lambda: provider.observe(known).phase is Phase.FOREIGN, seconds=200)
    seen = provider.observe(known)
    assert (seen.id, seen.incarnation, seen.reason) == (machine.id, 1, "NameTaken")
    assert machine.id in seen.message
    assert machine.id in seen.remedy
    assert provider.instance(known.metadata) == ""
    outside = list(coast.cloud.floating_ips)
    before = len(coast.asked("POST")) + len(coast.asked("PUT")) + len(coast.asked("DELETE"))
    with pytest.raises(errors.NameTaken):
        await provider.create(known, create())
    with pytest.raises(errors.Waiting):
        await provider.change(known, call(Verb.CHANGE, machine.id))
    await provider.delete(known, call(Verb.DELETE, machine.id))
    await provider.collect(machine.id, "default/shop-web-0")
    found = provider.instances()
    assert found is not None
    assert [(each.id, each.uid) for each in found] == [(machine.id, "")]
    await asyncio.sleep(300)
    after = len(coast.asked("POST")) + len(coast.asked("PUT")) + len(coast.asked("DELETE"))
    assert (after, coast.there()) == (before, [machine])
    assert list(coast.cloud.floating_ips) == outside


@WANTED
@STRIPS
async def test_what_is_taken_off_while_it_runs_is_told(
    coast: Coast, strip: Strip, wanted: bytes
) -> None:
    """Seen by the next list that lacks it; once the marks are back, all is as it was."""
    provider, known, machine = await made(coast, wanted)
    seen, tags, metadata = provider.observe(known), list(machine.tags), dict(machine.metadata)
    strip(machine)
    machine.updated = coast.cloud.now
    await is_told_and_left(coast, provider, known, machine)
    machine.tags, machine.metadata = tags, metadata
    await coast.until(lambda: provider.observe(known) == seen, seconds=200)


@WANTED
@STRIPS
async def test_an_operator_that_starts_then_makes_no_second_one(
    coast: Coast, strip: Strip, wanted: bytes
) -> None:
    """The id on record is of something that is there: nothing is absent, and it is told."""
    provider, known, machine = await made(coast, wanted)
    seen, tags, metadata = provider.observe(known), list(machine.tags), dict(machine.metadata)
    await coast.close()
    strip(machine)
    successor = await coast.provider()
    await is_told_and_left(coast, successor, known, machine)
    machine.tags, machine.metadata = tags, metadata
    await coast.until(lambda: successor.observe(known) == seen, seconds=200)


@STRIPS
async def test_who_is_looked_for_already_is_told_what_was_found(coast: Coast, strip: Strip) -> None:
    """Its Server asks once, while its floating IP has it looked for, and is looked at again."""
    _, known, machine = await made(coast, OPEN)
    await coast.close()
    strip(machine)
    successor = await coast.provider()
    assert successor.observe(known).phase is Phase.UNKNOWN
    coast.heard.clear()
    await coast.until(lambda: coast.heard, seconds=30)
    assert successor.observe(known).phase is Phase.FOREIGN


@STRIPS
async def test_who_is_asked_late_has_its_server_all_the_same(coast: Coast, strip: Strip) -> None:
    """Its floating IP has it looked for before its Server is planned: that proves nothing."""
    _, known, machine = await made(coast, OPEN)
    await coast.close()
    strip(machine)
    successor = await coast.provider()
    await asyncio.sleep(300)
    await is_told_and_left(coast, successor, known, machine)
    assert len(coast.cloud.floating_ips) == 1


async def test_a_floating_ip_tells_whose_a_server_without_marks_is(coast: Coast) -> None:
    """A Server that came back without its status has no second one made, either."""
    _, known, machine = await made(coast, OPEN)
    await coast.close()
    without_all(machine)
    successor, bare = await coast.provider(), server()
    assert successor.observe(bare).phase is not Phase.ABSENT
    await coast.until(lambda: successor.observe(bare).phase is Phase.FOREIGN, seconds=200)
    assert successor.observe(bare).id == machine.id
    with pytest.raises(errors.NameTaken):
        await successor.create(bare, create(OPEN))
    await successor.delete(known, call(Verb.DELETE, machine.id))
    await asyncio.sleep(300)
    assert coast.there() == [machine]
    assert len(coast.cloud.floating_ips) == 1


async def test_a_server_that_names_another_is_no_ones_on_record(coast: Coast) -> None:
    """Whatever a status says: what was made for somebody else is not in the way."""
    provider = await coast.provider()
    metadata: dict[str, Any] = {"argosy.server": "default/other"}
    theirs = coast.cloud.add({"name": "precious", "tags": [], "metadata": metadata})
    known = server(recorded=theirs.id)
    assert provider.observe(known).phase is Phase.UNKNOWN
    await coast.until(lambda: provider.observe(known) == contract.ABSENT)
    assert coast.there() == [theirs]

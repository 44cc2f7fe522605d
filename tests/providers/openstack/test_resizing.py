"""A change of flavor resizes a server where the Fleet lets it; it keeps what it has."""

import asyncio
import contextlib
from typing import Any

import pytest
import structlog

from controller import contract, errors
from controller.contract import Phase, Verb
from controller.providers.openstack.refusals import Reply
from fakes.openstack import Fault
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime

RESIZES: dict[str, Any] = {"resize": "WhenPossible"}
LARGE = template(flavor="large")


def change(instance: str, wanted: bytes = LARGE) -> contract.Call:
    """Return a plan's wish for another template."""
    return contract.Call(verb=Verb.CHANGE, why="test", instance=instance, template=wanted)


async def made(coast: Coast, **settings: Any) -> tuple[contract.Provider, str]:
    """Return a provider, and the id of a server that is ready."""
    provider = await coast.provider(**(settings or RESIZES))
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    return provider, provider.observe(server()).id


async def carry_out(
    coast: Coast,
    provider: contract.Provider,
    instance: str,
    wanted: bytes = LARGE,
    revision: str = "two",
) -> None:
    """Ask for the change whenever nothing is under way, as plans do, until it has come about."""
    two = server(revision=revision)
    for _ in range(60):
        await coast.until(lambda: not provider.observe(two).changing)
        if provider.observe(two).revision == revision:
            return
        with contextlib.suppress(errors.Waiting):
            await provider.change(two, change(instance, wanted))
        await asyncio.sleep(1)
    pytest.fail(f"{provider.observe(two)}")


async def test_a_server_is_resized_and_keeps_its_id(coast: Coast) -> None:
    """Nova is asked once, the resize is confirmed, and the revision is told last."""
    provider, identifier = await made(coast)
    assert provider.can_change(template(), LARGE)
    await carry_out(coast, provider, identifier)
    (one,) = coast.there()
    assert (one.id, one.flavor, one.status) == (identifier, "large", "ACTIVE")
    assert coast.cloud.bodies("resize") == [{"flavorRef": "flavor-2"}]
    assert provider.observe(server(revision="two")).ready
    assert "argosy.resizing" not in one.metadata


async def test_flavor_and_image_change_one_after_the_other(coast: Coast) -> None:
    """With both let, neither is forgotten; the revision is told when both are done."""
    provider, identifier = await made(coast, rebuild="WhenPossible", **RESIZES)
    wanted = template(flavor="large", image="v2")
    assert provider.can_change(template(), wanted)
    await carry_out(coast, provider, identifier, wanted)
    (one,) = coast.there()
    assert (one.id, one.flavor, one.body["imageRef"]) == (identifier, "large", "image-2")


async def test_a_confirmation_that_takes_its_time_is_no_outage(coast: Coast) -> None:
    """Nova refuses to hear it twice, and shows the old state until it is done."""
    provider, identifier = await made(coast)
    with structlog.testing.capture_logs() as heard:
        await provider.change(server(revision="two"), change(identifier))
        await carry_out(coast, provider, identifier)
    assert len(coast.cloud.bodies("confirmResize")) > 1
    assert [each for each in heard if each["event"] == "cloud not seen"] == []


async def test_a_successor_confirms_what_another_began(coast: Coast) -> None:
    """The operator died while Nova was at it: the next one lets the new flavor stay."""
    provider, identifier = await made(coast)
    await provider.change(server(revision="two"), change(identifier))
    await coast.close()
    successor = await coast.provider(**RESIZES)
    await carry_out(coast, successor, identifier)
    assert len(coast.cloud.bodies("resize")) == 1


async def test_a_resize_by_hand_is_nobody_elses_to_confirm(coast: Coast) -> None:
    """Whoever resizes a server in the cloud may look before it stays, or take it back."""
    provider, identifier = await made(coast)
    coast.cloud.machines[identifier].status = "VERIFY_RESIZE"
    coast.cloud.machines[identifier].updated = coast.cloud.now
    await coast.until(lambda: provider.observe(server()).changing)
    await coast.until(lambda: coast.cloud.now > 600, seconds=1200)
    assert coast.cloud.bodies("confirmResize") == []


async def test_no_room_is_told_and_tried_again(coast: Coast) -> None:
    """Nova says yes and then leaves the server as it was: that is no success."""
    provider, identifier = await made(coast)
    coast.cloud.room = False
    two = server(revision="two")
    await provider.change(two, change(identifier))
    await coast.until(lambda: not provider.observe(two).changing)
    with pytest.raises(errors.Transient, match="no host has room") as caught:
        await provider.change(two, change(identifier))
    assert caught.value.reason == "NoCapacity"
    assert provider.observe(two).revision == "one"
    coast.cloud.room = True
    await carry_out(coast, provider, identifier)
    assert coast.there()[0].flavor == "large"


async def test_a_lost_answer_resizes_once(coast: Coast) -> None:
    """The server is looked at before it is asked for again."""
    provider, identifier = await made(coast)
    coast.cloud.faults.append(Fault(method="POST", path="/action$", lost=True))
    with pytest.raises(errors.UnknownOutcome):
        await provider.change(server(revision="two"), change(identifier))
    await carry_out(coast, provider, identifier)
    assert len(coast.cloud.bodies("resize")) == 1


async def test_a_fleet_that_lets_none_has_servers_replaced(coast: Coast) -> None:
    """And one that somebody resized by hand still gets new metadata."""
    provider, identifier = await made(coast, rebuild="WhenPossible")
    assert not provider.can_change(template(), LARGE)
    machine = coast.cloud.machines[identifier]
    machine.flavor, machine.updated = "large", coast.cloud.now
    await carry_out(coast, provider, identifier, template(metadata={"role": "web"}))
    assert coast.cloud.bodies("resize") == []
    assert machine.metadata["role"] == "web"


async def test_a_resized_server_is_ready_once_its_guest_is(coast: Coast) -> None:
    """A rollout takes the next one down only then: that it was ready before says nothing."""
    provider = await coast.provider(probeCIDRs=["10.0.0.0/8"], **RESIZES)
    probed = {"readiness": {"tcp": {"port": 80}}}
    await provider.create(server(), create(template(**probed)))
    await coast.until(lambda: [each.status for each in coast.there()] == ["ACTIVE"])
    (machine,) = coast.there()
    coast.cloud.listening.add((machine.address, 80))
    await coast.until(lambda: provider.observe(server()).ready)
    coast.cloud.listening.clear()
    await carry_out(coast, provider, machine.id, template(flavor="large", **probed))
    seen = provider.observe(server(revision="two"))
    assert (seen.phase, seen.ready) == (Phase.RUNNING, False)
    coast.cloud.listening.add((machine.address, 80))
    await coast.until(lambda: provider.observe(server(revision="two")).ready)


BOTH = template(flavor="large", securityGroups=["db"])


def groups(coast: Coast) -> list[list[str]]:
    """Return the security groups of ports that were changed."""
    return list(coast.cloud.groups_of_ports.values())


@pytest.mark.parametrize("dies", [False, True])
async def test_what_is_taken_back_half_way_is_undone(coast: Coast, *, dies: bool) -> None:
    """Ports had their groups, and no host had room: it is at "one" once all is as it was.

    Whoever plans it, the operator that began or the next one.
    """
    provider, identifier = await made(coast)
    coast.cloud.room = False
    two = server(revision="two")
    await provider.change(two, change(identifier, BOTH))
    await coast.until(lambda: not provider.observe(two).changing)
    with pytest.raises(errors.Transient, match="no host has room"):
        await provider.change(two, change(identifier, BOTH))
    assert groups(coast) == [["group-2"]]
    if dies:
        await coast.close()
        provider = await coast.provider(**RESIZES)
    assert provider.observe(two).revision == "one"
    assert provider.observe(server()).revision == ""
    await carry_out(coast, provider, identifier, template(), revision="one")
    (machine,) = coast.there()
    assert groups(coast) == [["group-default"]]
    assert (machine.id, machine.flavor) == (identifier, "small")
    assert not {"argosy.changing", "argosy.resizing"} & machine.metadata.keys()
    assert provider.observe(server()).ready


async def test_a_resize_that_is_taken_back_is_resized_back(coast: Coast) -> None:
    """The cloud was at it already: the server is not at "one" with the flavor of "two"."""
    provider, identifier = await made(coast)
    await provider.change(server(revision="two"), change(identifier))
    await carry_out(coast, provider, identifier, template(), revision="one")
    (machine,) = coast.there()
    assert (machine.id, machine.flavor, machine.status) == (identifier, "small", "ACTIVE")
    assert coast.cloud.bodies("resize") == [{"flavorRef": "flavor-2"}, {"flavorRef": "flavor-1"}]
    assert not {"argosy.changing", "argosy.resizing"} & machine.metadata.keys()


async def test_what_goes_on_half_way_is_completed(coast: Coast) -> None:
    """There is room later, and the change is still wanted: nothing of it is left on record."""
    provider, identifier = await made(coast)
    coast.cloud.room = False
    await provider.change(server(revision="two"), change(identifier, BOTH))
    await coast.until(lambda: not provider.observe(server(revision="two")).changing)
    coast.cloud.room = True
    await coast.close()
    successor = await coast.provider(**RESIZES)
    await carry_out(coast, successor, identifier, BOTH)
    (machine,) = coast.there()
    assert (machine.flavor, groups(coast)) == ("large", [["group-2"]])
    assert not {"argosy.changing", "argosy.resizing"} & machine.metadata.keys()
    assert successor.observe(server(revision="two")).ready


async def test_a_resize_that_was_refused_confirms_none_by_hand(coast: Coast) -> None:
    """Months later somebody resizes the server to a flavor of their own: that is theirs."""
    provider, identifier = await made(coast)
    words = b'{"badRequest": {"message": "Unable to resize disk down.", "code": 400}}'
    refused = Reply(status=400, body=words)
    coast.cloud.faults.append(Fault(method="POST", path="/action$", reply=refused))
    with pytest.raises(errors.TemplateRefused, match="Unable to resize disk down"):
        await provider.change(server(revision="two"), change(identifier))
    (machine,) = coast.there()
    machine.status, machine.flavor = "VERIFY_RESIZE", "huge"
    machine.updated = coast.cloud.now
    await coast.until(lambda: provider.observe(server()).changing)
    assert "somebody has resized" in provider.observe(server()).message
    await asyncio.sleep(600)
    assert coast.cloud.bodies("confirmResize") == []


@pytest.mark.parametrize("wrong", [{"flavor": "none"}, {"image": "v2"}])
async def test_what_its_template_alone_refuses_is_not_begun(
    coast: Coast, wrong: dict[str, Any]
) -> None:
    """A flavor that is not there, or an image in a fleet without rebuilds: no port is changed."""
    provider, identifier = await made(coast)
    wanted = template(securityGroups=["db"], **wrong)
    with pytest.raises(errors.Stalled):
        await provider.change(server(revision="two"), change(identifier, wanted))
    assert groups(coast) == []
    assert provider.observe(server()).revision == "one"


async def test_a_flavor_that_no_server_may_get_is_not_told_as_its_own(coast: Coast) -> None:
    """The Fleet was edited after the set had told its servers: they say that it is not done."""
    _, identifier = await made(coast)
    await coast.close()
    successor = await coast.provider(resize="Never")
    with pytest.raises(errors.Stalled, match="not to be resized"):
        await successor.change(server(revision="two"), change(identifier))
    assert coast.there()[0].metadata["argosy.flavor"] == "small"
    assert successor.observe(server(revision="two")).revision == "one"

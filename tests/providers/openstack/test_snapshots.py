"""Snapshots are images of the cloud, taken once a task; restores are rebuilds from them."""

import asyncio
import contextlib

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import tasks
from fakes.openstack import Machine
from tests.providers.openstack.coast import Coast, create, server, template

pytestmark = pytest.mark.looptime


def act(
    instance: str, action: str, name: str, *, task: str = "task-1", seconds: int = 3600
) -> contract.Call:
    """Return a plan's wish for a snapshot or a restore."""
    parameters = msgspec.Raw(
        msgspec.json.encode({"arguments": {"snapshot": name}, "timeoutSeconds": seconds})
    )
    wanted = objects.Task(id=task, operation="op", action=action, parameters=parameters)
    return contract.Call(verb=contract.Verb.ACT, why="test", instance=instance, task=wanted)


async def running(coast: Coast, provider: contract.Provider) -> Machine:
    """Make the server, and return it once it is ready."""
    await provider.create(server(), create())
    await coast.until(lambda: provider.observe(server()).ready)
    return coast.there()[0]


async def test_a_snapshot_is_an_image_that_can_be_used(coast: Coast) -> None:
    """The act ends when it can; the server stays ready all the time."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    taking = asyncio.create_task(provider.act(server(), act(machine.id, tasks.SNAPSHOT, "before")))
    await asyncio.sleep(2)
    assert provider.observe(server()).ready
    facts = await taking
    image = coast.cloud.images[facts["image"]]
    assert image.properties["argosy_server"] == "default/shop-web-0"
    assert coast.cloud.now >= image.active_at
    assert facts["snapshot"] == "before"


async def test_a_snapshot_that_was_begun_is_followed(coast: Coast) -> None:
    """An operator that goes on with the task finds the image by the task, and takes no other."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    call = act(machine.id, tasks.SNAPSHOT, "before")
    taking = asyncio.create_task(provider.act(server(), call))
    await coast.until(lambda: coast.asked("POST", "/action"))
    await asyncio.sleep(0.1)
    taking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await taking
    await (await coast.provider()).resume(server(), call)
    assert len(coast.asked("POST", "/action")) == 1


async def test_one_snapshot_waits_for_another(coast: Coast) -> None:
    """Nova takes one at a time of a server: that is no failure."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    first = asyncio.create_task(provider.act(server(), act(machine.id, tasks.SNAPSHOT, "a")))
    await asyncio.sleep(0.5)
    with pytest.raises(errors.Waiting):
        await provider.act(server(), act(machine.id, tasks.SNAPSHOT, "b", task="task-2"))
    await first


async def test_a_restore_rebuilds_from_the_latest_of_the_name(coast: Coast) -> None:
    """Id, address, revision and readiness stay; a task that is repeated rebuilds once."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    for number in (1, 2):
        task = act(machine.id, tasks.SNAPSHOT, "before", task=f"take-{number}")
        latest = (await provider.act(server(), task))["image"]
        coast.cloud.images[latest].properties["created_at"] = f"2027-01-0{number}T00:00:00Z"
    before = provider.observe(server())
    call = act(machine.id, tasks.RESTORE, "before")
    await provider.act(server(), call)
    assert machine.body["imageRef"] == latest
    await coast.until(lambda: provider.observe(server()).ready)
    after = provider.observe(server())
    assert (after.id, after.addresses, after.revision) == (
        before.id, before.addresses, before.revision,
    )  # fmt: skip
    actions = len(coast.asked("POST", "/action"))
    await provider.resume(server(), call)
    assert len(coast.asked("POST", "/action")) == actions


async def test_an_act_ends_with_its_timeout(coast: Coast) -> None:
    """Whether the cloud ends it later is not known; the next attempt follows what was begun."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    coast.cloud.timing.image = 500.0
    call = act(machine.id, tasks.SNAPSHOT, "before", seconds=60)
    with pytest.raises(errors.UnknownOutcome) as late:
        await provider.act(server(), call)
    assert late.value.reason == "CloudActTimeout"
    await asyncio.sleep(500)
    await provider.act(server(), call)
    assert len(coast.cloud.images) == 3


async def test_a_snapshot_or_a_restore_that_breaks_is_told(coast: Coast) -> None:
    """An image that is never made, and a server that breaks as it is restored, may pass."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    call = act(machine.id, tasks.SNAPSHOT, "before")
    facts = await provider.act(server(), call)
    coast.cloud.images[facts["image"]].status = "error"
    with pytest.raises(errors.Transient) as broken:
        await provider.act(server(), call)
    assert broken.value.reason == "CloudBuildFailed"
    coast.cloud.images[facts["image"]].status = "active"
    restoring = asyncio.create_task(
        provider.act(server(), act(machine.id, tasks.RESTORE, "before"))
    )
    await asyncio.sleep(1)
    machine.then = "ERROR"
    with pytest.raises(errors.Transient) as broken:
        await restoring
    assert broken.value.reason == "CloudBuildFailed"


async def test_nobody_restores_what_is_anothers(coast: Coast) -> None:
    """A name finds snapshots of the very server and fleet alone, and else is refused."""
    provider = await coast.provider()
    machine = await running(coast, provider)
    properties = {"argosy_snapshot": "before", "argosy_server": "other/shop-web-0"}
    coast.cloud.photograph("theirs", {**properties, "argosy_fleet": "fleet-1"}, "image-1")
    mine = {"argosy_snapshot": "before", "argosy_server": "default/shop-web-0"}
    coast.cloud.photograph("elsewhere", {**mine, "argosy_fleet": "fleet-2"}, "image-1")
    await asyncio.sleep(10)
    for name in ("before", "", "x" * 500):
        with pytest.raises(errors.Stalled) as refused:
            await provider.act(server(), act(machine.id, tasks.RESTORE, name))
        assert refused.value.reason == "CloudSnapshotMissing"
    assert machine.body["imageRef"] == "image-1"


async def test_a_fault_that_comes_after_the_status_is_told(coast: Coast) -> None:
    """Nova writes why a server broke a moment after that it did: the server is looked at again."""
    provider = await coast.provider()
    await provider.create(server(), create(template()))
    (machine,) = coast.there()
    machine.until, machine.status, machine.task = None, "ERROR", None
    machine.updated = coast.cloud.now
    await coast.until(lambda: provider.observe(server()).phase is contract.Phase.FAILED)
    machine.fault = "No valid host was found."
    await coast.until(lambda: provider.observe(server()).reason == "NoCapacity", seconds=10)
    machine.fault = ""
    await asyncio.sleep(300)
    coast.cloud.requests.clear()
    await asyncio.sleep(300)
    assert coast.asked("GET", machine.id) == []

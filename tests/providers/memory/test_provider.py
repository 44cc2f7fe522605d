"""The fleet in memory: what it can do beyond the contract, and that its dice are fair."""

import asyncio
import dataclasses
from typing import Any

import msgspec
import pytest

from controller import contract, errors
from controller.api import objects
from controller.contract import Phase, tasks
from controller.providers.memory import machines as memory_fleet
from controller.providers.memory.provider import MemoryProvider
from tests.contracts.provider_stages import (
    NAMESPACE,
    MemoryStage,
    change,
    create,
    eventually,
    watch_phase,
    watch_ready,
    with_spec,
)

pytestmark = pytest.mark.looptime


async def begun() -> MemoryStage:
    """Return a fleet without faults."""
    stage = MemoryStage()
    await stage.begin()
    return stage


def act(instance: str, action: str, **given: Any) -> contract.Call:
    """Return the wish for an act."""
    parameters = msgspec.Raw(msgspec.json.encode(given))
    task = objects.Task(id=f"{action}-1", operation="op", action=action, parameters=parameters)
    return contract.Call(verb=contract.Verb.ACT, why="test", instance=instance, task=task)


async def test_power_follows_the_server() -> None:
    """Stopped, it stays what it is and is not ready; started, the same machine serves again."""
    stage = await begun()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    stopped = with_spec(server, power="Stopped")
    await stage.provider.change(stopped, change(seen.id, stage.template("v1")))
    assert not stage.provider.observe(stopped).ready
    await watch_phase(stage.provider, stopped, Phase.STOPPED)
    await stage.provider.change(server, change(seen.id, stage.template("v1")))
    assert (await watch_ready(stage.provider, server)).id == seen.id


async def test_a_restore_brings_back_what_the_snapshot_kept() -> None:
    """And a snapshot that is asked for twice keeps what it kept first."""
    stage = await begun()
    server = await stage.server()
    await stage.provider.create(server, create(stage.template("v1")))
    seen = await watch_ready(stage.provider, server)
    (machine,) = stage.fleet.machines
    write = act(seen.id, tasks.EXEC, exec={"command": ["write", "first"]})
    again = act(seen.id, tasks.EXEC, exec={"command": ["write", "second"]})
    keep = act(seen.id, tasks.SNAPSHOT, arguments={"snapshot": "a"})
    for call in (write, keep, again):
        await stage.provider.act(server, call)
    await stage.provider.resume(server, keep)
    await stage.provider.act(server, act(seen.id, tasks.RESTORE, arguments={"snapshot": "a"}))
    assert machine.disk == "first"
    with pytest.raises(errors.Stalled) as missing:
        await stage.provider.act(server, act(seen.id, tasks.RESTORE, arguments={"snapshot": "b"}))
    assert missing.value.reason == "SnapshotMissing"


async def test_a_full_zone_is_passed_by_through_an_alternative() -> None:
    """Where there is no room the create may pass later; another zone takes it now."""
    fleet = memory_fleet.MemoryFleet(
        memory_fleet.MachineSettings(full_zones=("az1",)),
        zones=("az1", "az2"),
        clock=asyncio.get_running_loop().time,
    )
    provider = MemoryProvider(fleet)
    server = await MemoryStage().server()
    with pytest.raises(errors.Transient) as full:
        await provider.create(server, create(b'{"spec":{"zone":"az1"}}'))
    assert full.value.reason == "NoCapacity"
    await provider.create(server, create(b'{"spec":{"zone":"az2"}}', alternative=1))
    assert (await watch_ready(provider, server)).zone == "az2"
    with pytest.raises(errors.Stalled):
        await provider.create(await MemoryStage().server(1), create(b'{"spec":{"zone":"x"}}'))


async def test_servers_are_spread_over_zones() -> None:
    """A machine goes where its set wants it, and elsewhere where that is full, unless it must."""
    fleet = memory_fleet.MemoryFleet(
        memory_fleet.MachineSettings(full_zones=("b",)),
        zones=("a", "b", "c"),
        clock=asyncio.get_running_loop().time,
    )
    provider, stage = MemoryProvider(fleet), MemoryStage()
    wishes = (
        contract.Placement(domain="c"),
        contract.Placement(domain="b"),
        contract.Placement(domain="b", closed=("a",)),
        contract.Placement(closed=("a",)),
    )
    for ordinal, placement in enumerate(wishes):
        call = dataclasses.replace(create(b"{}"), placement=placement)
        await provider.create(await stage.server(ordinal), call)
    assert [each.zone for each in fleet.machines] == ["c", "a", "c", "c"]
    must = contract.Placement(domain="b", must=True)
    with pytest.raises(errors.Transient):
        await provider.create(
            await stage.server(9), dataclasses.replace(create(b"{}"), placement=must)
        )


async def history(seed: int, order: list[int]) -> dict[int, list[str]]:
    """Return how creates of each ordinal went, asked for in this order, three times each."""
    fleet = memory_fleet.MemoryFleet(
        memory_fleet.MachineSettings(
            seed=seed, fail_percent=30, lost_percent=30, broken_percent=30
        ),
        clock=asyncio.get_running_loop().time,
    )
    provider, stage = MemoryProvider(fleet), MemoryStage()
    told: dict[int, list[str]] = {ordinal: [] for ordinal in order}
    servers = {ordinal: await stage.server(ordinal) for ordinal in sorted(order)}
    for ordinal in order * 3:
        try:
            await provider.create(servers[ordinal], create(b"{}"))
            told[ordinal].append("made")
        except errors.Transient as error:
            told[ordinal].append(type(error).__name__)
    for machine in fleet.machines:
        told[servers_ordinal(machine.key[1])].append(f"broken={machine.broken}")
    return told


def servers_ordinal(name: str) -> int:
    """Return the ordinal in a server's name."""
    return int(name.rpartition("-")[2])


async def test_the_same_seed_gives_the_same_faults_in_any_order() -> None:
    """What befalls a server depends on the seed and itself, not on who came first."""
    forward = await history(7, list(range(40)))
    backward = await history(7, list(reversed(range(40))))
    assert forward == backward
    assert forward != await history(8, list(range(40)))


async def test_faults_come_as_often_as_asked() -> None:
    """Thirty percent of calls are refused, give or take; none at nought, all at a hundred."""
    fleet = memory_fleet.MemoryFleet(clock=asyncio.get_running_loop().time)
    throws = [fleet.dice((NAMESPACE, f"s-{each % 50}"), "x") for each in range(5000)]
    assert 0.27 < sum(each < 30 for each in throws) / len(throws) < 0.33
    assert all(0 <= each < 100 for each in throws)


async def test_a_broken_machine_fails_instead_of_coming_up() -> None:
    """It is Failed when it should have been ready, not before."""
    clock = asyncio.get_running_loop().time
    settings = memory_fleet.MachineSettings(broken_percent=100, latency_seconds=5)
    fleet = memory_fleet.MemoryFleet(settings, clock=clock)
    provider, server = MemoryProvider(fleet), await MemoryStage().server()
    began = clock()
    await provider.create(server, create(b"{}"))
    assert provider.observe(server).phase is Phase.PENDING
    await eventually(lambda: provider.observe(server).phase is not Phase.PENDING)
    assert clock() - began >= 5
    assert provider.observe(server).phase is Phase.FAILED


def test_settings_are_read_as_a_fleet_writes_them() -> None:
    """Camel case, defaults for what is left out, and a reason where they make no sense."""
    read = memory_fleet.read_settings(b'{"seed": 3, "latencySeconds": 2, "fullZones": ["a"]}')
    assert (read.seed, read.latency_seconds, read.full_zones) == (3, 2.0, ("a",))
    assert memory_fleet.read_settings(b"null") == memory_fleet.MachineSettings()
    with pytest.raises(errors.Stalled) as refused:
        memory_fleet.read_settings(b'{"seed": "x"}')
    assert refused.value.reason == "InvalidSettings"

"""One domain at a time is attacked: drains of two zones beside whatever else may happen.

No pod that is up is taken down, by Argosy or by an eviction that its budget let pass, while a pod
of another domain is down; and each drain ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour, evictions
from fakes.api_server.affinity import ZONE
from fakes.api_server.storage import Write
from fakes.universe import Json, operation
from tests.simulation.zoned import ZONES, Pods

pytestmark = pytest.mark.looptime

SERVERS = 12
ROLLOUT: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}


class Attacked(Pods):
    """Twelve servers on nine nodes in three zones, which evictions and others take down."""

    def __init__(self) -> None:
        super().__init__(nodes=9)
        self.rollout = ROLLOUT
        self.since = 0

    async def begin(self, **rollout: object) -> None:
        """Let all come up; from then on it counts who is down."""
        self.rollout = ROLLOUT | rollout
        await self.want(SERVERS)
        self.since = len(self.server.writes)

    async def want(self, replicas: int, image: str = "app:1") -> None:
        """Ask for so many servers of that image, and let some come up."""
        given: Json = {"rollout": self.rollout, "spread": {"require": True}, "image": image}
        if self.since:
            await self.ask(replicas, **given)
        else:
            await self.open(replicas, **given)

    def drain(self, *nodes: int) -> list[asyncio.Task[None]]:
        """Begin to drain nodes; node 0 is in the first zone, node 1 in the second, and so on."""
        registry, kubelet = self.server.registry, self.kubelet
        return [
            asyncio.create_task(evictions.drain(registry, kubelet, f"node-{each}"))
            for each in nodes
        ]

    def apart(self) -> Iterator[str]:
        """Yield whoever was taken down while a pod of another domain was down.

        An eviction that passes while there is no budget at all is nobody's to prevent.
        """
        seen = Losses()
        for number, each in enumerate(self.server.writes):
            taken = seen.see(each)
            if taken and number >= self.since and (seen.guarded or each.cause.actor != "drain"):
                others = seen.others(each.name)
                if others:
                    yield f"{each.name} by {each.cause.actor} beside {others}"


class Losses:
    """What is down after each write, and in which zone: that of the pod, or of the one to come."""

    def __init__(self) -> None:
        self.up: dict[str, bool] = {}
        self.zones: dict[str, str] = {}
        self.desired, self.guarded = SERVERS, False

    def see(self, write: Write) -> bool:
        """Take note of a write; return whether it took a pod down that is missed."""
        body = write.after
        if write.resource is Resource.DISRUPTION_BUDGETS:
            self.guarded = body is not None
        elif write.resource is Resource.SERVERSETS and body is not None:
            self.desired = body["spec"]["replicas"]
        elif write.resource is Resource.SERVERS:
            self._see_server(write.name, body)
        elif write.resource is Resource.PODS:
            before = self.up.get(write.name, False)
            self.up[write.name] = body is not None and evictions.is_up(body)
            if body is not None and self.up[write.name]:
                self.zones[write.name] = body["metadata"]["labels"][ZONE]
            return before and write.name in self._missed()
        return False

    def _see_server(self, name: str, body: Json | None) -> None:
        if body is None or "deletionTimestamp" in body["metadata"]:
            self.zones.pop(name, None)
        elif name in self.zones and not self.up[name]:
            seen = body.get("status", {}).get("provider") or {}
            self.zones[name] = seen.get("zone") or body["spec"]["domain"]

    def _missed(self) -> list[str]:
        return [
            name
            for name in self.zones
            if not self.up[name] and int(name.rpartition("-")[2]) < self.desired
        ]

    def others(self, name: str) -> list[str]:
        """Return who is missed in another zone."""
        return sorted(each for each in self._missed() if self.zones[each] != self.zones[name])


Attack = Callable[[Attacked], Awaitable[None]]


async def nothing(_: Attacked) -> None:
    """Nothing else happens."""


async def a_rollout(world: Attacked) -> None:
    """A new image is rolled out."""
    await world.want(SERVERS, image="app:2")


async def a_replacement(world: Attacked) -> None:
    """An operation replaces every server."""
    await world.apply(operation("anew", "shop", "Replace"))


async def an_evacuation_killed(world: Attacked) -> None:
    """The third zone is evacuated, and the operator is killed in the middle of that."""
    await world.turn("c", state="Evacuating")
    await asyncio.sleep(1.3)
    await world.crash()


async def killed(world: Attacked) -> None:
    """The operator is killed twice."""
    await world.crash()
    await asyncio.sleep(0.7)
    await world.crash()


async def its_budget_deleted(world: Attacked) -> None:
    """A person deletes the PodDisruptionBudget, and again."""
    for _ in range(2):
        await world.delete(Resource.DISRUPTION_BUDGETS, "shop-web")
        await asyncio.sleep(1.1)


async def a_node_in_another_zone(world: Attacked) -> None:
    """The zone of a node that has pods is changed: its pods are where they were made."""
    world.kubelet.zones["node-8"] = "a"
    await world.want(SERVERS, image="app:2")


async def scaled(world: Attacked) -> None:
    """The set is scaled down, and up again before all is at rest."""
    await world.want(9)
    await asyncio.sleep(1.7)
    await world.want(SERVERS + 2)


ATTACKS: tuple[Attack, ...] = (
    nothing, a_rollout, a_replacement, an_evacuation_killed, killed, its_budget_deleted,
    a_node_in_another_zone, scaled,
)  # fmt: skip


@pytest.mark.parametrize("surge", [0, 2])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("first", [0.1, 6.0])
async def test_one_zone_is_down_whatever_happens_beside_drains(
    attack: Attack, surge: int, first: float
) -> None:
    """Nodes of two zones are drained, and something else happens soon or late."""
    async with Attacked() as world:
        await world.begin(maxSurge=surge)
        drains = world.drain(0, 1)
        await asyncio.sleep(first)
        await attack(world)
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert list(world.apart()) == []
        drained = {"node-0", "node-1"}
        assert drained.isdisjoint(each["spec"]["nodeName"] for each in world.pods())


@pytest.mark.parametrize("unavailable", [0, 1, 3])
async def test_spare_servers_let_no_second_zone_go(unavailable: int) -> None:
    """Spare ones are up at once: evictions are one at a time all the same, from the first on."""
    async with Attacked() as world:
        world.kubelet.behave = lambda _: Behaviour(schedule_seconds=0.01, start_seconds=0.02)
        await world.begin(maxSurge=3, maxUnavailable=unavailable)
        await asyncio.wait_for(asyncio.gather(*world.drain(0, 1, 5)), 600)
        await world.settle()
        assert list(world.apart()) == []
        budget = world.get(Resource.DISRUPTION_BUDGETS, "shop-web")["spec"]
        assert budget["minAvailable"] == SERVERS - min(unavailable, 1)


async def test_drains_end_where_no_spare_server_finds_a_node() -> None:
    """Spare ones that no node takes are not waited for, where a server may be down."""
    async with Attacked() as world:
        await world.begin(maxSurge=1)
        spare = f"shop-web-{SERVERS}"
        world.kubelet.behave = lambda pod: Behaviour(
            fate="Unschedulable" if pod["metadata"]["name"] == spare else "Ready"
        )
        await asyncio.wait_for(asyncio.gather(*world.drain(0, 1)), 900)
        assert list(world.apart()) == []
        assert set(ZONES) == set(world.count())

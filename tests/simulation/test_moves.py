"""Servers on nodes that take no new pods move: a spare one first where there may be one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet, evictions
from fakes.universe import Json, application, component, operation
from tests.simulation.drained import Drained

pytestmark = pytest.mark.looptime

SET = "shop-web"
NODES = 6
SURGE: Json = {"maxUnavailable": 0, "maxSurge": 1}


class World(Drained):
    """A cluster of several nodes with one component."""

    def __init__(self, nodes: int = NODES) -> None:
        super().__init__(kubelet=Kubelet(nodes=nodes))
        self.nodes = [f"node-{number}" for number in range(nodes)]

    async def open(self, replicas: int, rollout: Json | None = None, **more: Any) -> None:
        """Apply the component and let it come up, or become what it is to be."""
        part = component("web", replicas, rollout=rollout or SURGE, **more)
        await self.apply(application("shop", part))
        await self.settle()

    def node(self, server: str) -> str:
        """Return the node that a server is on; empty where it has none."""
        return str(self.get(Resource.PODS, server)["spec"].get("nodeName", ""))

    def cordon(self, *nodes: str, on: bool = True) -> None:
        """Have these nodes take no new pods, or take them again."""
        for each in nodes:
            evictions.cordon(self.server.registry, self.kubelet, each, on=on)

    def drain(self, *nodes: str) -> list[asyncio.Task[None]]:
        """Begin to drain these nodes at once."""
        return [
            asyncio.create_task(evictions.drain(self.server.registry, self.kubelet, each))
            for each in nodes
        ]

    def uids(self) -> dict[str, str]:
        """Return the UIDs of the pods."""
        found = self.names(Resource.PODS)
        return {each: self.get(Resource.PODS, each)["metadata"]["uid"] for each in found}

    def servers(self) -> list[str]:
        """Return the names of the servers."""
        return self.names(Resource.SERVERS)


@pytest.mark.parametrize("drained", [True, False])
async def test_a_component_of_one_server_is_never_at_0_while_its_node_is_drained(
    *, drained: bool
) -> None:
    """A spare one comes first, elsewhere; the drain ends. A cordon alone is enough for that."""
    async with World() as world:
        await world.open(1)
        since, old = len(world.server.writes), world.node("shop-web-0")
        if drained:
            (gone,) = world.drain(old)
            await asyncio.wait_for(gone, 120)
        else:
            world.cordon(old)
        await world.settle(quiet=30)
        assert min(world.ups(since)) == 1
        assert world.servers() == ["shop-web-0"]
        assert world.node("shop-web-0") != old
        assert world.ready() == "True"


@pytest.mark.parametrize("replicas", [1, 3, 12])
@pytest.mark.parametrize(
    "rollout",
    [
        {"maxUnavailable": 0, "maxSurge": 1},
        {"maxUnavailable": 0, "maxSurge": "50%"},
        {"maxUnavailable": 2, "maxSurge": 2},
    ],
)
async def test_a_drain_of_several_nodes_keeps_to_the_surge(replicas: int, rollout: Json) -> None:
    """Never fewer are up than the limit leaves, never more there are than the surge allows."""
    async with World() as world:
        await world.open(replicas, rollout)
        since = len(world.server.writes)
        drains = world.drain(*world.nodes[:4])
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        surge = -(-replicas // 2) if rollout["maxSurge"] == "50%" else rollout["maxSurge"]
        assert min(world.ups(since)) >= max(0, replicas - rollout["maxUnavailable"])
        assert max(world.ups(since)) <= replicas + surge
        assert len(world.servers()) == replicas
        assert {world.node(each) for each in world.servers()} <= set(world.nodes[4:])
        assert world.ready() == "True"


async def test_a_cordon_moves_a_set_at_rest() -> None:
    """Nothing else need happen for that."""
    async with World() as world:
        await world.open(2)
        old = world.node("shop-web-0")
        await asyncio.sleep(600)
        world.cordon(old)
        await asyncio.sleep(40)
        assert world.node("shop-web-0") != old


async def test_a_cordon_without_surge_moves_nobody() -> None:
    """Whoever drains evicts, within the budget; a place that is merely closed is no reason to."""
    async with World() as world:
        await world.open(4, {"maxUnavailable": 1})
        since = len(world.server.writes)
        world.cordon(*world.nodes[:3])
        await world.settle()
        assert {each.resource for each in world.server.writes[since:]} == {Resource.NODES}


async def test_with_evictions_ignored_no_server_is_made_in_advance() -> None:
    """A drain takes what it finds."""
    async with World() as world:
        await world.open(1, {**SURGE, "evictions": "Ignore"})
        old = world.node("shop-web-0")
        world.cordon(old)
        await world.settle()
        assert world.node("shop-web-0") == old
        (gone,) = world.drain(old)
        await asyncio.wait_for(gone, 120)


async def test_what_a_person_holds_stays_on_a_cordoned_node() -> None:
    """It is theirs: the others move."""
    async with World() as world:
        await world.open(2)
        await world.merge(Resource.SERVERS, "shop-web-0", {"spec": {"held": True}})
        old = world.node("shop-web-0")
        world.cordon(*{old, world.node("shop-web-1")})
        await world.settle(quiet=30)
        assert world.node("shop-web-0") == old
        assert world.node("shop-web-1") not in world.kubelet.cordoned
        assert world.servers() == ["shop-web-0", "shop-web-1"]


@pytest.mark.parametrize("surge", [1, 3])
async def test_where_all_nodes_are_cordoned_spare_servers_wait_and_hold_nothing(
    surge: int,
) -> None:
    """The application is ready and says what it waits for; uncordoned, nothing is left of it."""
    async with World() as world:
        await world.open(3, {"maxUnavailable": 0, "maxSurge": surge})
        since = len(world.server.writes)
        world.cordon(*world.nodes)
        await asyncio.sleep(2000)
        assert len(world.servers()) == 3 + surge
        assert world.ready() == "True"
        blocked = world.get(Resource.SERVERSETS, SET)["status"]["blockedBy"]
        assert "ServersMoving" in {each["reason"] for each in blocked}
        rested = len(world.server.writes)
        await asyncio.sleep(600)
        assert len(world.server.writes) == rested
        world.cordon(*world.nodes, on=False)
        await world.settle()
        assert world.servers() == ["shop-web-0", "shop-web-1", "shop-web-2"]
        assert min(world.ups(since)) == 3
        assert world.get(Resource.SERVERSETS, SET)["status"].get("blockedBy", []) == []


async def test_a_spare_server_without_a_node_holds_no_rollout_up() -> None:
    """What may be down may be updated, and the revision is proven, while the spare one waits."""
    rollout: Json = {"maxUnavailable": 1, "maxSurge": 1, "progressDeadlineSeconds": 60}
    async with World() as world:
        await world.open(3, rollout)
        world.kubelet.behave = without_room
        world.cordon(world.node("shop-web-1"))
        await asyncio.sleep(30)
        assert "shop-web-3" in world.servers()
        await world.apply(application("shop", component("web", 3, image="app:2", rollout=rollout)))
        await asyncio.sleep(400)
        status = world.get(Resource.SERVERSETS, SET)["status"]
        assert status["provenRevision"] == status["revision"]
        assert world.ready() == "True"


def without_room(pod: Json) -> Behaviour:
    """Have no node take a spare server."""
    spare = pod["metadata"]["name"] == "shop-web-3"
    return Behaviour(fate="Unschedulable" if spare else "Ready")


async def test_a_drain_ends_where_no_spare_server_finds_a_node() -> None:
    """Evictions within the limit go on while the spare one waits."""
    async with World() as world:
        await world.open(3, {"maxUnavailable": 1, "maxSurge": 1})
        world.kubelet.behave = without_room
        since = len(world.server.writes)
        await asyncio.wait_for(asyncio.gather(*world.drain(*world.nodes[:5])), 600)
        assert min(world.ups(since)) >= 2


@pytest.mark.parametrize("after", [0.5, 1.5, 2.5, 4.0])
async def test_uncordoned_in_the_middle_nothing_is_left_of_the_move(after: float) -> None:
    """The spare one goes, whatever the move had come to; nobody was missed."""
    async with World() as world:
        await world.open(2)
        since, nodes = len(world.server.writes), world.nodes[:5]
        world.cordon(*nodes)
        await asyncio.sleep(after)
        world.cordon(*nodes, on=False)
        await world.settle()
        assert world.servers() == ["shop-web-0", "shop-web-1"]
        assert min(world.ups(since)) == 2
        assert world.ready() == "True"


@pytest.mark.parametrize("surge", [1, 2])
async def test_a_rollout_and_a_drain_at_once_make_each_server_once(surge: int) -> None:
    """What the rollout makes anew anyway lands elsewhere: in place it would have to move, too."""
    rollout: Json = {"maxUnavailable": 1, "maxSurge": surge}
    async with World() as world:
        await world.open(4, rollout)
        since = len(world.server.writes)
        await world.apply(application("shop", component("web", 4, image="app:2", rollout=rollout)))
        drains = world.drain(*world.nodes[:4])
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) >= 3
        assert max(world.ups(since)) <= 4 + surge
        images = {
            each["spec"]["containers"][0]["image"]
            for each in world.server.objects[Resource.PODS].values()
        }
        assert images == {"app:2"}
        assert world.ready() == "True"


async def test_a_spare_server_runs_what_the_partition_keeps() -> None:
    """Where all servers are kept at what they run, one that stands in for them runs that, too."""
    async with World() as world:
        await world.open(2)
        since = len(world.server.writes)
        rollout: Json = {**SURGE, "partition": 2}
        await world.open(2, rollout, image="app:2")
        await asyncio.wait_for(asyncio.gather(*world.drain(*world.nodes[:5])), 600)
        await world.settle()
        made = {
            each.after["spec"]["containers"][0]["image"]
            for each in world.server.writes[since:]
            if each.resource is Resource.PODS and each.after is not None
        }
        assert made == {"app:1"}
        assert min(world.ups(since)) == 2


async def ask(world: World, pod: str, uid: str = "", intent: str = "Eviction") -> None:
    """Have somebody ask for the eviction of a pod."""
    uid = uid or world.get(Resource.PODS, pod)["metadata"]["uid"]
    target = {"pod": {"name": pod, "uid": uid}}
    spec = {"target": target, "requester": "robot.example.com/tidy", "intent": intent}
    meta = {"name": f"ask-{pod}", "namespace": "default"}
    await world.server.create(
        Resource.EVICTION_REQUESTS, "default", {"metadata": meta, "spec": spec}
    )


@pytest.mark.parametrize("replicas", [1, 3])
async def test_a_server_whose_eviction_is_asked_for_moves_and_nobody_is_missed(
    replicas: int,
) -> None:
    """A spare one comes first; the other servers stay as they are, and all is at rest again."""
    async with World() as world:
        await world.open(replicas)
        before = world.uids()
        since = len(world.server.writes)
        await ask(world, "shop-web-0")
        await world.until(lambda: world.uids().get("shop-web-0") != before["shop-web-0"])
        await world.settle()
        assert min(world.ups(since)) == replicas
        after = world.uids()
        assert {each for each in before if before[each] != after[each]} == {"shop-web-0"}
        assert world.servers() == sorted(before)
        assert world.ready() == "True"


async def test_requests_that_ask_for_nothing_move_nobody() -> None:
    """Withdrawn, over, about a pod that is no more, or about one that cannot be spared."""
    async with World() as world:
        await world.open(3)
        before = world.uids()
        await ask(world, "shop-web-0", intent="Withdrawn")
        await ask(world, "shop-web-1", uid="another")
        over = {"status": {"conditions": [{"type": "TargetEvicted", "status": "True"}]}}
        await ask(world, "shop-web-2", intent="Withdrawn")
        await world.merge(Resource.EVICTION_REQUESTS, "ask-shop-web-2", over)
        asked = {"spec": {"intent": "Eviction"}}
        await world.merge(Resource.EVICTION_REQUESTS, "ask-shop-web-2", asked)
        await world.settle()
        assert world.uids() == before
    async with World() as world:
        await world.open(3, {"maxUnavailable": 1})
        before = world.uids()
        await ask(world, "shop-web-0")
        await world.settle()
        assert world.uids() == before


async def test_a_request_that_is_withdrawn_lets_the_spare_server_go() -> None:
    """Whoever asked may think better of it while the spare one is on its way."""
    async with World() as world:
        await world.open(1)
        before = world.uids()
        world.kubelet.behave = lambda pod: Behaviour(
            fate="Unschedulable" if pod["metadata"]["name"] == "shop-web-1" else "Ready"
        )
        await ask(world, "shop-web-0")
        await world.until(lambda: "shop-web-1" in world.servers())
        await asyncio.sleep(30)
        said = world.get(Resource.SERVERSETS, SET)["status"]["blockedBy"]
        told = [each["message"] for each in said if each["object"].startswith("EvictionRequest/")]
        assert any("robot.example.com/tidy asks for its eviction" in each for each in told)
        withdrawn = {"spec": {"intent": "Withdrawn"}}
        await world.merge(Resource.EVICTION_REQUESTS, "ask-shop-web-0", withdrawn)
        await world.until(lambda: world.servers() == ["shop-web-0"])
        await world.settle()
        assert world.uids() == before


@pytest.mark.parametrize("action", ["Restart", "Replace"])
async def test_an_operation_and_a_drain_at_once_make_each_server_once(action: str) -> None:
    """What an operation is to make anew moves by that: nobody is taken down twice."""
    async with World() as world:
        await world.open(6, {"maxUnavailable": 1, "maxSurge": 1})
        since = len(world.server.writes)
        await world.apply(operation("again", "shop", action))
        await asyncio.sleep(1.2)
        await asyncio.wait_for(asyncio.gather(*world.drain(*world.nodes[:4])), 900)
        await world.settle()
        assert min(world.ups(since)) >= 5
        assert world.condition(Resource.OPERATIONS, "again", "Succeeded")["reason"] == "Completed"
        assert world.ready() == "True"


def broken(pod: Json) -> Behaviour:
    """Have a broken image never be ready."""
    never = "broken" in pod["spec"]["containers"][0]["image"]
    return Behaviour(fate="CrashLoopBackOff" if never else "Ready")


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("drained", [True, False])
async def test_a_drain_ends_while_a_rollout_is_halted(replicas: int, *, drained: bool) -> None:
    """Spare servers of what is proven stand in; the rollout stays halted, and nobody is missed."""
    rollout: Json = {**SURGE, "progressDeadlineSeconds": 30}
    async with World() as world:
        await world.open(replicas, rollout)
        world.kubelet.behave = broken
        bad = component("web", replicas, image="app:broken", rollout=rollout)
        await world.apply(application("shop", bad))
        await asyncio.sleep(400)
        assert world.get(Resource.SERVERSETS, SET)["status"]["deadlineMissed"]
        since, nodes = len(world.server.writes), world.nodes[:3]
        if drained:
            await asyncio.wait_for(asyncio.gather(*world.drain(*nodes)), 600)
        else:
            world.cordon(*nodes)
        await asyncio.sleep(200)
        assert min(world.ups(since)) == replicas
        assert world.servers() == [f"shop-web-{each}" for each in range(replicas)]
        assert not {world.node(each) for each in world.servers()} & set(nodes)
        images = {
            each["spec"]["containers"][0]["image"]
            for each in world.server.objects[Resource.PODS].values()
        }
        assert images == {"app:1"}
        told = world.get(Resource.SERVERSETS, SET)["status"]
        assert told["deadlineMissed"]
        assert told["conditions"][0]["reason"] == "ProgressDeadlineExceeded"
        # What was halted goes on with what is good.
        good = component("web", replicas, image="app:2", rollout=rollout)
        await world.apply(application("shop", good))
        await world.settle()
        assert world.ready() == "True"


def failing(pod: Json) -> Behaviour:
    """Have a broken image end at once."""
    return Behaviour(
        fate="Failed" if "broken" in pod["spec"]["containers"][0]["image"] else "Ready"
    )


@pytest.mark.parametrize("deadline", [30, 3000])
@pytest.mark.parametrize(("surge", "lacking"), [(1, 0), (2, 0), (1, 1)])
async def test_a_drain_ends_beside_a_spent_failure_budget(
    surge: int, lacking: int, deadline: int
) -> None:
    """A spare server that failed makes room for one of what is proven; the halt is told all along.

    Whether the deadline of the rollout has passed, or is far away.
    """
    rollout: Json = {
        "maxSurge": surge,
        "maxUnavailable": lacking,
        "progressDeadlineSeconds": deadline,
    }
    recovery = {
        "attempts": 1,
        "failureBudget": 0,
        "backoff": {"initialSeconds": 1, "maxSeconds": 1},
    }
    async with World() as world:
        await world.open(3, rollout)
        world.kubelet.behave = failing
        bad = component("web", 3, image="app:broken", rollout=rollout, recovery=recovery)
        await world.apply(application("shop", bad))

        def spent() -> bool:
            return bool(world.get(Resource.SERVERSETS, SET)["status"].get("budgetSpent"))

        await world.until(spent)
        await asyncio.sleep(100)
        since, nodes = len(world.server.writes), world.nodes[:3]
        drains = asyncio.gather(*world.drain(*nodes))
        while not drains.done():
            pods = world.server.objects[Resource.PODS].values()
            left = any(each["spec"].get("nodeName") in nodes for each in pods)
            assert spent() or not left
            await asyncio.sleep(0.5)
        await world.until(spent)
        assert min(world.ups(since)) == 3 - lacking
        assert not {world.node(each) for each in world.servers()[:3]} & set(nodes)
        good = component("web", 3, image="app:2", rollout=rollout, recovery=recovery)
        await world.apply(application("shop", good))
        await world.settle()
        assert world.ready() == "True"


@pytest.mark.parametrize("cordoned", [False, True])
async def test_a_spent_failure_budget_makes_no_server_but_to_stand_in(*, cordoned: bool) -> None:
    """A set that is scaled up meanwhile gets no server of what fails, whatever else moves."""
    rollout: Json = {"maxSurge": 1, "maxUnavailable": 0, "progressDeadlineSeconds": 3000}
    recovery = {"attempts": 1, "failureBudget": 0}
    async with World() as world:
        await world.open(3, rollout)
        world.kubelet.behave = failing
        ways: Json = {"image": "app:broken", "rollout": rollout, "recovery": recovery}
        await world.apply(application("shop", component("web", 3, **ways)))
        await world.until(
            lambda: world.get(Resource.SERVERSETS, SET)["status"].get("budgetSpent", False)
        )
        since = len(world.server.writes)
        if cordoned:
            world.cordon(world.node("shop-web-0"))
        await world.apply(application("shop", component("web", 6, **ways)))
        await asyncio.sleep(60)
        made = [
            each.after["spec"]["revision"]
            for each in world.server.writes[since:]
            if each.resource is Resource.SERVERS and each.after and each.before is None
        ]
        proven = world.get(Resource.SERVERSETS, SET)["status"]["provenRevision"]
        assert set(made) <= {proven}


async def test_without_surge_a_drain_waits_for_what_does_not_come_up() -> None:
    """The limit is used up by a server that fails: nobody goes until the application is mended."""
    rollout: Json = {"maxSurge": 0, "maxUnavailable": 1, "progressDeadlineSeconds": 30}
    async with World() as world:
        await world.open(3, rollout)
        world.kubelet.behave = broken
        bad = component("web", 3, image="app:broken", rollout=rollout)
        await world.apply(application("shop", bad))
        await asyncio.sleep(200)
        since = len(world.server.writes)
        (drain,) = world.drain(world.node("shop-web-0"))
        await asyncio.sleep(200)
        assert not drain.done()
        assert min(world.ups(since)) == 2
        good = component("web", 3, image="app:2", rollout=rollout)
        await world.apply(application("shop", good))
        await asyncio.wait_for(drain, 600)
        await world.settle()
        assert world.ready() == "True"


@pytest.mark.parametrize("action", ["Restart", "Replace"])
@pytest.mark.parametrize("first", ["drain", "operation"])
async def test_an_operation_that_may_take_no_server_down_holds_no_drain(
    action: str, first: str
) -> None:
    """The drain ends by spare servers, nobody is missed; the operation says what it waits for."""
    async with World() as world:
        await world.open(3)
        since = len(world.server.writes)
        drains = world.drain(*world.nodes[:3]) if first == "drain" else []
        await asyncio.sleep(3)
        await world.apply(operation("again", "shop", action))
        await asyncio.sleep(3)
        drains = drains or world.drain(*world.nodes[:3])
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) == 3
        assert world.servers() == ["shop-web-0", "shop-web-1", "shop-web-2"]
        assert not {world.node(each) for each in world.servers()} & set(world.nodes[:3])
        told = world.get(Resource.OPERATIONS, "again")["status"]
        assert told["conditions"][0]["reason"] in ("Running", "Completed")
        done = told["progress"] == "3/3"
        assert done or "lets no server be down" in told["blockedBy"][0]["message"], told


@pytest.mark.parametrize("step", range(0, 60, 4))
async def test_a_move_goes_on_wherever_the_operator_is_killed(step: int) -> None:
    """Killed after any write of the move, another goes on: nobody is missed, nothing is left."""
    async with World() as world:
        await world.open(2)
        since = len(world.server.writes)
        drains = world.drain(*{world.node(each) for each in world.servers()})
        await world.until(
            lambda: len(world.server.writes) >= since + step or all(each.done() for each in drains)
        )
        await world.crash()
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) == 2
        assert max(world.ups(since)) <= 3
        assert world.servers() == ["shop-web-0", "shop-web-1"]
        assert world.ready() == "True"

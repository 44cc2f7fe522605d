"""One budget for everybody: whoever takes a server down counts all that are down, as all do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import clock
from controller.api.resources import Resource
from controller.kinds.serverset import unbounded
from fakes.api_server import Behaviour, Kubelet, evictions
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Json, application, component, operation
from proof import history
from proof.history import budgets
from proof.history import evictions as rule
from proof.mutants import audit
from tests.simulation.drained import Drained

pytestmark = pytest.mark.looptime

SET = "shop-web"
NODES = 20
LIMIT: Json = {"maxUnavailable": 2, "inPlace": "Never"}
ONE: Json = {"maxUnavailable": 1, "inPlace": "Never"}


class World(Drained):
    """A cluster of several nodes with one component."""

    def __init__(self) -> None:
        super().__init__(kubelet=Kubelet(nodes=NODES))

    async def open(self, replicas: int, rollout: Json = LIMIT, **more: Any) -> None:
        """Apply the component and let it come up, or become what it is to be."""
        part = component("web", replicas, rollout=rollout, **more)
        await self.apply(application("shop", part))
        await self.settle()

    def drains(self, *nodes: int) -> list[asyncio.Task[None]]:
        """Begin to drain these nodes at once."""
        registry, kubelet = self.server.registry, self.kubelet
        return [
            asyncio.create_task(evictions.drain(registry, kubelet, f"node-{each}"))
            for each in nodes
        ]

    def ended(self, name: str) -> str:
        """Return how an operation ended."""
        return str(self.condition(Resource.OPERATIONS, name, "Succeeded").get("reason"))

    def told(self) -> Json:
        """Return what the set says of evictions that do not keep to its budget."""
        return self.condition(Resource.SERVERSETS, SET, "EvictionsUnbounded")

    def judge(self) -> None:
        """Hold all that was written to the rules of budgets and evictions."""
        lines = audit.lines(self.server, (), {}, alive_every=2.0)
        rules = [
            lambda past, expected: budgets.check(past, slack=expected.slack),
            lambda past, _: rule.check(past),
        ]
        history.check(lines, rules=rules).require()


STEPS: Json = {"steps": [{"name": "look", "http": {"url": "http://$(SERVER_ADDRESS):80/"}}]}


@pytest.mark.parametrize(
    ("action", "more"), [("Restart", {}), ("Replace", {}), ("Stop", {}), ("Steps", STEPS)]
)
async def test_an_operation_takes_no_server_down_before_evictions_have_ended(
    action: str, more: Json
) -> None:
    """Its set closes the budget first, and opens it when the operation is over."""
    async with World() as world:
        await world.open(6)
        since = len(world.server.writes)
        await world.apply(operation("act", "shop", action, servers="0-3", **more))
        await world.settle()
        least = [
            each.after["spec"]["minAvailable"]
            for each in world.server.writes[since:]
            if each.resource is Resource.DISRUPTION_BUDGETS and each.after is not None
        ]
        assert least == [6, 0 if action == "Stop" else 4] or action == "Stop"
        given = [
            number
            for number, each in enumerate(world.server.writes)
            if each.resource is Resource.SERVERS
            and each.after is not None
            and each.after["spec"].get("task")
        ]
        closed = [
            number
            for number, each in enumerate(world.server.writes)
            if number >= since and each.resource is Resource.DISRUPTION_BUDGETS
        ]
        assert closed[0] < given[0]
        world.judge()


@pytest.mark.parametrize("action", ["Restart", "Replace"])
@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1, 0.3, 1.0])
async def test_an_operation_that_begins_during_a_drain_keeps_to_the_limit(
    action: str, pause: float
) -> None:
    """At whatever moment it begins: what is being evicted counts before its server says so."""
    async with World() as world:
        await world.open(20)
        since = len(world.server.writes)
        drains = world.drains(*range(10))
        await asyncio.sleep(pause)
        await world.apply(operation("act", "shop", action))
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) >= 18
        assert world.ended("act") == "Completed"
        world.judge()


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1, 0.3, 1.0])
async def test_a_rollout_that_begins_during_a_drain_keeps_to_the_limit(pause: float) -> None:
    """So does a new template."""
    async with World() as world:
        await world.open(20)
        since = len(world.server.writes)
        drains = world.drains(*range(10))
        await asyncio.sleep(pause)
        part = component("web", 20, image="app:2", rollout=LIMIT)
        await world.apply(application("shop", part))
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) >= 18
        world.judge()


async def test_what_is_being_evicted_counts_before_its_server_says_so() -> None:
    """Servers whose change nobody has heard of yet: their pods are on the way out all the same."""
    async with World() as world:
        await world.open(6, ONE)
        since = len(world.server.writes)
        # The eviction is known, and what became of the pod is not.
        world.faults.freeze(Resource.PODS)
        for _ in range(3):
            for each in range(6):
                evictions.evict(world.server.registry, "default", f"shop-web-{each}")
        part = component("web", 6, image="app:2", rollout={"maxUnavailable": 1})
        await world.apply(application("shop", part))
        await asyncio.sleep(0.25)
        assert min(world.ups(since)) == 5
        world.faults.thaw()
        await world.settle()
        assert min(world.ups(since)) == 5


@pytest.mark.parametrize("name", ["Rollout", "Restart"])
@pytest.mark.parametrize("speed", [0.0, 1.0])
async def test_an_eviction_that_only_the_disruption_controller_has_seen_to_counts(
    name: str, speed: float
) -> None:
    """It is not on record any more, and whoever lags behind has yet to hear that the pod goes."""
    async with World() as world:
        world.kubelet.behave = lambda _: Behaviour(stop_seconds=speed, start_seconds=5.0)
        await world.open(6, ONE)
        since = len(world.server.writes)
        world.faults.freeze(Resource.PODS)
        assert evictions.evict(world.server.registry, "default", "shop-web-3")
        await asyncio.sleep(1)
        kept = world.get(Resource.DISRUPTION_BUDGETS, SET)
        assert not kept["status"]["disruptedPods"]
        await world.apply(act(name))
        await asyncio.sleep(30)
        assert min(world.ups(since)) == 5
        world.faults.thaw()
        await rolled(world, name)
        assert min(world.ups(since)) == 5
        world.judge()


def act(name: str) -> Json:
    """Return what takes servers down, one after the other, not shop-web-3 alone."""
    if name == "Rollout":
        return application("shop", component("web", 6, image="app:2", rollout=ONE))
    return operation("act", "shop", name, servers="0-2,4-5")


async def rolled(world: World, name: str) -> None:
    """Wait until the rollout or the operation is over, and nothing is written any more."""
    if name != "Rollout":
        await world.until(lambda: world.ended("act") == "Completed")
    await world.until(world.is_ready)


@pytest.mark.parametrize("name", ["Rollout", "Restart"])
@pytest.mark.parametrize("speed", [0.0, 1.0])
async def test_nobody_waits_for_an_eviction_that_the_disruption_controller_overlooks(
    name: str, speed: float
) -> None:
    """Its server has its next pod, of the second of the eviction or a later one, and that is known.

    The disruption controller takes that one for what is to go, for two minutes.
    """
    async with World() as world:
        world.kubelet.behave = lambda _: Behaviour(
            stop_seconds=speed, start_seconds=speed, schedule_seconds=0.05 * speed
        )
        await world.open(6, ONE)
        registry, since = world.server.registry, len(world.server.writes)
        registry.disruption_seconds = 5.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert evictions.evict(registry, "default", "shop-web-3")
        await asyncio.sleep(0.1)
        await world.apply(act(name))
        await rolled(world, name)
        assert loop.time() - began < 60
        kept = world.get(Resource.DISRUPTION_BUDGETS, SET)
        assert list(kept["status"]["disruptedPods"]) == ["shop-web-3"]
        assert min(world.ups(since)) == 5
        world.judge()


@pytest.mark.parametrize("name", ["Rollout", "Restart"])
async def test_a_pod_whose_eviction_is_on_record_and_that_stays_is_waited_for_and_named(
    name: str,
) -> None:
    """The API server was killed in between, as it may: the pod may yet go, for two minutes."""
    async with World() as world:
        await world.open(6, ONE)
        since = len(world.server.writes)
        record = {"disruptedPods": {"shop-web-3": clock.stamp(world.server.now())}}
        key = ("default", SET)
        registry = world.server.registry
        registry.set_status(Resource.DISRUPTION_BUDGETS, key, record, actor="disruption")
        await world.apply(act(name))
        await asyncio.sleep(100)
        assert min(world.ups(since)) == 6
        kind, told = (
            (Resource.SERVERSETS, SET) if name == "Rollout" else (Resource.OPERATIONS, "act")
        )
        (waits,) = world.get(kind, told)["status"]["blockedBy"]
        assert (waits["object"], waits["reason"]) == (
            f"PodDisruptionBudget/{SET}",
            "EvictionOnRecord",
        )
        assert "shop-web-3" in waits["message"]
        # Whether or not the disruption controller still works.
        await rolled(world, name)
        assert min(world.ups(since)) == 5
        world.judge()


async def test_who_waits_for_an_eviction_goes_on_once_it_is_taken_off_the_record() -> None:
    """At once, not when the next look is due."""
    async with World() as world:
        world.kubelet.behave = lambda _: Behaviour(
            stop_seconds=0.0, start_seconds=0.0, schedule_seconds=0.0
        )
        await world.open(6, ONE)
        registry, key = world.server.registry, ("default", SET)
        assert evictions.evict(registry, "default", "shop-web-3")
        await world.until(lambda: registry.find(Resource.PODS, "default", "shop-web-3") is None)
        await world.until(world.is_ready)
        # As where whoever made the next pod had not heard of the record: both are of one second.
        made = world.get(Resource.PODS, "shop-web-3")["metadata"]["creationTimestamp"]
        record = {"disruptedPods": {"shop-web-3": made}}
        registry.set_status(Resource.DISRUPTION_BUDGETS, key, record, actor="disruption")
        began = len(world.server.writes)
        await world.apply(act("Rollout"))
        # Past the second second, at which it looks by itself, and not yet at the fifth.
        await asyncio.sleep(2.5)
        assert min(world.ups(began)) == 6
        since = len(world.server.writes)
        registry.set_status(Resource.DISRUPTION_BUDGETS, key, {}, actor="disruption")
        await asyncio.sleep(1)
        ups = list(world.ups(since))
        assert (ups[0], min(ups)) == (6, 5)


@pytest.mark.parametrize(("looks", "back"), [(0.5, 0.5), (3.0, 3.0), (60.0, 5.0)])
async def test_the_next_instance_waits_until_the_eviction_is_off_the_record(
    looks: float, back: float
) -> None:
    """So no record is about a pod that has gone; a controller that does not look is not awaited."""
    async with World() as world:
        world.kubelet.behave = lambda _: Behaviour(
            stop_seconds=0.0, start_seconds=0.0, schedule_seconds=0.0
        )
        await world.open(6, ONE)
        registry = world.server.registry
        registry.disruption_seconds = looks
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert evictions.evict(registry, "default", "shop-web-3")
        await world.until(lambda: registry.find(Resource.PODS, "default", "shop-web-3") is None)
        await world.until(lambda: registry.find(Resource.PODS, "default", "shop-web-3") is not None)
        # Times of records are to the second.
        assert back - 1.0 <= loop.time() - began <= back + 0.5
        kept = world.get(Resource.DISRUPTION_BUDGETS, SET)
        assert bool(kept["status"]["disruptedPods"]) is (looks > back)
        await world.settle()
        world.judge()


async def test_nobody_restarts_a_server_as_lost_for_the_record_of_its_eviction_alone() -> None:
    """No server may be down: the Restart leaves one alone that counts as down and does its work."""
    async with World() as world:
        await world.open(3, {"maxUnavailable": 0, "maxSurge": 1})
        since = len(world.server.writes)
        record = {"disruptedPods": {"shop-web-1": clock.stamp(world.server.now())}}
        registry, key = world.server.registry, ("default", SET)
        registry.set_status(Resource.DISRUPTION_BUDGETS, key, record, actor="disruption")
        await world.apply(operation("act", "shop", "Restart"))
        await asyncio.sleep(150)
        assert min(world.ups(since)) == 3
        world.judge()


async def test_servers_that_are_down_beside_an_operation_count() -> None:
    """An operation on some servers waits for others of the component, and says for which."""
    async with World() as world:
        await world.open(6, {"maxUnavailable": 1})
        world.kubelet.unready("default", "shop-web-5")
        await asyncio.sleep(2)
        await world.apply(operation("act", "shop", "Restart", servers="0-2"))
        await asyncio.sleep(20)
        status = world.get(Resource.OPERATIONS, "act")["status"]
        assert {each["object"] for each in status["blockedBy"]} == {"Server/shop-web-5"}
        assert status["succeeded"] == 0
        world.kubelet.ready("default", "shop-web-5")
        await world.settle()
        assert world.ended("act") == "Completed"
        world.judge()


async def test_all_at_once_keep_to_the_largest_limit() -> None:
    """A rollout, a restart, a scale-down, ill servers and a drain: one number bounds them all."""
    async with World() as world:
        await world.open(30)
        since = len(world.server.writes)
        part = component("web", 24, image="app:2", rollout=LIMIT)
        await world.apply(operation("act", "shop", "Restart", servers="0-9"))
        await world.apply(application("shop", part))
        drains = world.drains(*range(12))
        await asyncio.sleep(3)
        await asyncio.wait_for(asyncio.gather(*drains), 900)
        await world.settle()
        assert min(world.ups(since)) >= 22
        assert world.ended("act") == "Completed"
        assert world.ready() == "True"
        world.judge()


@pytest.mark.parametrize("scope", ["Server", "Component", "Once"])
async def test_steps_of_every_scope_wait_until_evictions_have_ended(scope: str) -> None:
    """A step that one server does for all takes that one down, as one that each does."""
    async with World() as world:
        await world.open(4)
        step = {"name": "work", "scope": scope, "exec": {"command": ["true"]}}
        await world.apply(operation("go", "shop", "Steps", steps=[step]))
        await world.until(lambda: world.ended("go") == "Completed")
        world.judge()


async def test_remediation_waits_until_evictions_have_ended() -> None:
    """An ill server that gets well in that moment would be counted twice."""
    async with World() as world:
        await world.open(6)
        since = len(world.server.writes)
        world.kubelet.unready("default", "shop-web-2")
        await asyncio.sleep(400)
        await world.settle()
        writes = world.server.writes[since:]
        closed = next(
            number
            for number, each in enumerate(writes)
            if each.resource is Resource.DISRUPTION_BUDGETS
        )
        remade = next(
            number
            for number, each in enumerate(writes)
            if each.resource is Resource.SERVERS
            and each.after is not None
            and each.after["spec"]["incarnation"] == 2
        )
        assert closed < remade
        assert world.get(Resource.DISRUPTION_BUDGETS, SET)["spec"]["minAvailable"] == 4
        assert world.ready() == "True"


@pytest.mark.parametrize("action", ["Restart", "Stop"])
async def test_a_budget_that_cannot_be_written_holds_no_operation_up(action: str) -> None:
    """The set says so, and the operation goes on within the limit that it counts itself."""
    refused = Verdict(before=refuse(403, "Forbidden", "poddisruptionbudgets: no"))
    async with World() as world:
        world.faults.on("create", Resource.DISRUPTION_BUDGETS, verdict=refused, times=None)
        await world.open(4)
        assert world.told()["reason"] == "BudgetNotWritten"
        await world.apply(operation("act", "shop", action))
        await asyncio.sleep(120)
        assert world.ended("act") == "Completed"


async def test_a_set_says_that_somebody_elses_budget_decides() -> None:
    """By a condition and one Event, until that budget is gone; operations do not wait for it."""
    async with World() as world:
        await world.open(4)
        assert world.told() == {}
        body = {
            "metadata": {"name": "mine"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {}}},
        }
        world.server.registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")
        await world.settle()
        assert world.told()["reason"] == "ForeignBudget"
        assert "PodDisruptionBudget/mine" in world.told()["message"]
        await world.apply(operation("act", "shop", "Restart"))
        await world.settle()
        assert world.ended("act") == "Completed"
        events = [
            each
            for each in world.server.objects[Resource.EVENTS].values()
            if each["reason"] == "ForeignBudget"
        ]
        assert len(events) == 1
        await world.delete(Resource.DISRUPTION_BUDGETS, "mine")
        await world.settle()
        assert world.told() == {}
        assert world.ready() == "True"


async def test_a_hindered_set_still_lets_operations_have_their_turn() -> None:
    """A set that may change nothing closes its budget all the same for whoever waits for that."""
    async with World() as world:
        await world.open(4)
        await world.delete(Resource.SERVICES, SET)
        refused = Verdict(before=refuse(403, "Forbidden", "services: no"))
        world.faults.on("create", Resource.SERVICES, verdict=refused, times=None)
        await asyncio.sleep(5)
        await world.apply(operation("act", "shop", "Restart"))
        await asyncio.sleep(120)
        assert world.ended("act") == "Completed"


@pytest.mark.parametrize("step", range(0, 60, 5))
async def test_whoever_is_killed_in_between_nobody_takes_down_too_many(step: int) -> None:
    """A restart and a drain, and an operator that dies at any write."""
    async with World() as world:
        await world.open(8)
        since = len(world.server.writes)
        await world.apply(operation("act", "shop", "Restart"))
        drains = world.drains(*range(5))
        await world.until(lambda: len(world.server.writes) >= since + step)
        await world.crash()
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert min(world.ups(since)) >= 6
        assert world.ended("act") == "Completed"


@pytest.mark.parametrize(
    "reason", ["Evicted", "Preempting", "NodeShutdown", "Terminated", "NodeLost", "OutOfmemory", ""]
)
@pytest.mark.parametrize("times", [1, 4])
async def test_a_pod_that_its_node_gave_up_comes_back_and_is_no_failure(
    reason: str, times: int
) -> None:
    """Evicted, preempted, shut down, lost or deleted: no attempt is counted, however often."""
    async with World() as world:
        part = component("web", 3, rollout=LIMIT)
        part["recovery"] = {"attempts": 1, "failureBudget": 0}
        await world.apply(application("shop", part))
        await world.settle()
        for _ in range(times):
            if reason:
                world.kubelet.fail("default", "shop-web-1", reason=reason)
            else:
                registry = world.server.registry
                registry.delete(Resource.PODS, "default", "shop-web-1", actor="scheduler")
            await world.settle()
        server = world.get(Resource.SERVERS, "shop-web-1")["status"]
        status = world.get(Resource.SERVERSETS, SET)["status"]
        assert server["attempts"].get("count", 0) == 0
        assert (status["failed"], status["budgetSpent"]) == (0, False)
        assert world.ready() == "True"


async def test_servers_of_a_lost_node_come_back_and_are_no_failures() -> None:
    """Once the cluster gives up the pods of the node; the revision stays proven."""
    async with World() as world:
        part = component("web", 3, rollout=LIMIT)
        part["recovery"] = {"attempts": 1, "failureBudget": 0}
        await world.apply(application("shop", part))
        await world.settle()
        node = world.get(Resource.PODS, "shop-web-1")["spec"]["nodeName"]
        world.kubelet.lost.add(node)
        registry = world.server.registry
        registry.delete(Resource.PODS, "default", "shop-web-1", actor="controller")
        await asyncio.sleep(30)
        registry.delete(Resource.PODS, "default", "shop-web-1", grace_seconds=0, actor="controller")
        await world.settle()
        status = world.get(Resource.SERVERSETS, SET)["status"]
        assert (status["failed"], status["provenRevision"]) == (0, status["revision"])
        assert world.get(Resource.SERVERS, "shop-web-1")["status"]["attempts"].get("count", 0) == 0
        assert world.ready() == "True"


async def test_the_metric_counts_sets_whose_evictions_keep_to_no_budget() -> None:
    """By the reason; 0 of each while all is well."""
    async with World() as world:
        await world.open(4)
        none = {("ForeignBudget",): 0, ("BudgetNotWritten",): 0}
        assert unbounded.by_reason(world.process.caches) == none
        body = {"metadata": {"name": "mine"}, "spec": {"maxUnavailable": 1, "selector": {}}}
        world.server.registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")
        await world.settle()
        assert unbounded.by_reason(world.process.caches) == {**none, ("ForeignBudget",): 1}

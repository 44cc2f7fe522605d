"""Evictions keep to the one budget of a component, by a PodDisruptionBudget that Argosy keeps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet, evictions
from fakes.api_server.chaos import Verdict
from fakes.api_server.refusal import refuse
from fakes.universe import Json, application, component, operation
from tests.simulation.drained import Drained

pytestmark = pytest.mark.looptime

SET = "shop-web"
NODES = 20


class World(Drained):
    """A cluster of several nodes with one component, whose drains are those of an administrator."""

    def __init__(self) -> None:
        super().__init__(kubelet=Kubelet(nodes=NODES))

    async def open(self, replicas: int, **more: Any) -> None:
        """Apply the component and let it come up, or become what it is to be."""
        await self.apply(application("shop", component("web", replicas, **more)))
        await self.settle()

    def budgets(self) -> dict[str, Json]:
        """Return the specs of the PodDisruptionBudgets that are there, by name."""
        found = self.server.objects.get(Resource.DISRUPTION_BUDGETS, {})
        return {name: each["spec"] for (_, name), each in found.items()}

    def least(self) -> int | None:
        """Return how many pods evictions must leave; None where nothing says so."""
        return self.budgets().get(SET, {}).get("minAvailable")

    def written(self) -> list[int | None]:
        """Return the minAvailable of each write of ours to the set's PodDisruptionBudget."""
        return [
            None if each.after is None else each.after["spec"]["minAvailable"]
            for each in self.server.writes
            if each.resource is Resource.DISRUPTION_BUDGETS
            and each.name == SET
            and not each.cause.subresource
        ]

    def make(self, name: str, **spec: Any) -> None:
        """Make a PodDisruptionBudget as a person does."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.server.registry.create(Resource.DISRUPTION_BUDGETS, "default", body, actor="user")

    def drains(self, count: int) -> list[asyncio.Task[None]]:
        """Begin to drain so many nodes at once."""
        return [
            asyncio.create_task(
                evictions.drain(self.server.registry, self.kubelet, f"node-{number}")
            )
            for number in range(count)
        ]


async def test_a_component_has_one_budget_for_evictions() -> None:
    """It is one write, an integer of the desired servers less the limit, and the set's own."""
    async with World() as world:
        await world.open(10, rollout={"maxUnavailable": "20%"})
        assert world.budgets() == {
            SET: {
                "minAvailable": 8,
                "selector": {
                    "matchLabels": {names.APPLICATION_LABEL: "shop", names.COMPONENT_LABEL: "web"}
                },
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            }
        }
        assert world.written() == [8]
        (owner,) = world.get(Resource.DISRUPTION_BUDGETS, SET)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("ServerSet", SET)
        await world.delete(Resource.APPLICATIONS, "shop")
        await world.settle()
        assert world.budgets() == {}


@pytest.mark.parametrize(
    ("replicas", "rollout", "least"),
    [
        (1, {}, None),
        (1, {"maxUnavailable": 0, "maxSurge": 1}, 1),
        (3, {}, 2),
        (3, {"maxUnavailable": "100%"}, None),
        (3, {"evictions": "Ignore"}, None),
        (0, {}, None),
        (50, {"maxUnavailable": "10%"}, 45),
    ],
)
async def test_evictions_leave_what_the_limit_says(
    replicas: int, rollout: Json, least: int | None
) -> None:
    """There is none where the limit is everything, or where evictions are to be ignored."""
    async with World() as world:
        await world.open(replicas, rollout=rollout)
        assert world.least() == least


@pytest.mark.parametrize(("replicas", "then"), [(10, 4), (10, 0), (2, 9), (10, 1), (5, 6), (1, 3)])
async def test_scaling_moves_the_budget_with_the_servers(replicas: int, then: int) -> None:
    """No drain takes down more than the limit while servers go; what is left is as if made so."""
    async with World() as world:
        await world.open(replicas, rollout={"maxUnavailable": 1})
        since = len(world.server.writes)
        await world.apply(
            application("shop", component("web", then, rollout={"maxUnavailable": 1}))
        )
        drains = world.drains(3)
        await asyncio.gather(*drains)
        await world.settle()
        assert world.least() == (then - 1 if then > 1 else None)
        assert min(world.ups(since)) >= min(replicas, then) - 1
        assert world.ready() == "True"


async def test_a_drain_of_ten_nodes_during_a_restart_keeps_to_the_limit() -> None:
    """50 servers, 10%: never more than five are down at any version, and each drain ends."""
    async with World() as world:
        await world.open(50, rollout={"maxUnavailable": "10%"})
        since = len(world.server.writes)
        await world.apply(operation("again", "shop", "Restart"))
        await asyncio.sleep(1.7)
        await asyncio.gather(*world.drains(10))
        await world.settle()
        assert min(world.ups(since)) == 45
        said = world.condition(Resource.OPERATIONS, "again", "Succeeded")
        assert said["reason"] == "Completed"
        assert world.ready() == "True"
        assert world.least() == 45


@pytest.mark.parametrize("surge", [0, 2])
async def test_a_drain_during_a_rollout_keeps_to_the_limit(surge: int) -> None:
    """A new template and a drain at once take down no more than either alone."""
    rollout = {"maxUnavailable": 2, "maxSurge": surge, "inPlace": "Never"}
    async with World() as world:
        await world.open(12, rollout=rollout)
        since = len(world.server.writes)
        await world.apply(application("shop", component("web", 12, image="app:2", rollout=rollout)))
        await asyncio.sleep(0.8)
        await asyncio.gather(*world.drains(8))
        await world.settle()
        assert min(world.ups(since)) >= 10
        assert world.ready() == "True"
        # Opened when made, closed for the rollout, opened again.
        assert world.written() == [10, 12 + surge, 10]


async def test_a_drain_of_servers_with_claims_keeps_to_the_limit() -> None:
    """They have no surge: each is down until its pod is up again, under its name and claim."""
    claims = [{"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}]
    async with World() as world:
        await world.open(10, rollout={"maxUnavailable": 2}, volumeClaims=claims)
        since, kept = len(world.server.writes), world.names(Resource.CLAIMS)
        await asyncio.wait_for(asyncio.gather(*world.drains(8)), 600)
        await world.settle()
        assert min(world.ups(since)) == 8
        assert world.names(Resource.CLAIMS) == kept
        assert world.ready() == "True"


@pytest.mark.parametrize("pause", [0.0, 0.1, 1.0, 3.0])
async def test_a_drain_beside_a_recreate_ends(pause: float) -> None:
    """Before the first server goes no eviction is allowed any more; after the last, it is again."""
    rollout = {"strategy": "Recreate", "maxUnavailable": 2}
    async with World() as world:
        await world.open(6, rollout=rollout)
        since = len(world.server.writes)
        await world.apply(application("shop", component("web", 6, image="app:2", rollout=rollout)))
        await asyncio.sleep(pause)
        await asyncio.wait_for(asyncio.gather(*world.drains(5)), 600)
        await world.settle()
        assert world.ready() == "True"
        assert world.least() == 4
        writes = world.server.writes[since:]
        gone = next(
            number
            for number, each in enumerate(writes)
            if each.resource is Resource.SERVERS
            and each.after is not None
            and "deletionTimestamp" in each.after["metadata"]
        )
        closed = [
            each.after["spec"]["minAvailable"]
            for each in writes[:gone]
            if each.resource is Resource.DISRUPTION_BUDGETS and each.after is not None
        ]
        assert closed[-1] >= 6


async def test_a_rollout_that_halts_does_not_hold_a_drain_up() -> None:
    """What goes no further takes nothing down: evictions may have what is left of the limit."""
    rollout = {"maxUnavailable": 2, "progressDeadlineSeconds": 30, "partition": 9}
    async with World() as world:
        await world.open(10, rollout=rollout)
        world.kubelet.behave = broken
        await world.apply(
            application("shop", component("web", 10, image="app:broken", rollout=rollout))
        )
        await asyncio.sleep(120)
        assert world.least() == 8
        await asyncio.gather(*world.drains(5))


def broken(pod: Json) -> Behaviour:
    """Have a broken image never be ready."""
    never = "broken" in pod["spec"]["containers"][0]["image"]
    return Behaviour(fate="CrashLoopBackOff" if never else "Ready")


THEIRS: list[Json] = [
    {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    {"minAvailable": "50%", "selector": {}},
    {
        "minAvailable": 1,
        "selector": {
            "matchExpressions": [
                {"key": "app", "operator": "In", "values": ["web", "db"]},
                {"key": "off", "operator": "DoesNotExist"},
                {"key": names.SERVER_LABEL, "operator": "Exists"},
                {"key": names.COMPONENT_LABEL, "operator": "NotIn", "values": ["db"]},
            ]
        },
    },
]
OTHERS: list[Json] = [
    {"minAvailable": 1},
    {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "db"}}},
    {
        "minAvailable": 1,
        "selector": {"matchExpressions": [{"key": "app", "operator": "Unheard", "values": []}]},
    },
]


def labelled(replicas: int = 4) -> Json:
    """Return an application whose template has a label of its own."""
    part = component("web", replicas)
    part["template"]["metadata"] = {"labels": {"app": "web"}}
    return application("shop", part)


@pytest.mark.parametrize("theirs", THEIRS)
@pytest.mark.parametrize("first", [True, False])
async def test_ours_gives_way_to_one_that_a_person_made(theirs: Json, *, first: bool) -> None:
    """Two over one pod would have every eviction fail; when theirs has gone, ours is back."""
    async with World() as world:
        if first:
            world.make("mine", **theirs)
        await world.apply(labelled())
        await world.settle()
        if not first:
            assert set(world.budgets()) == {SET}
            world.make("mine", **theirs)
            await world.settle()
        assert set(world.budgets()) == {"mine"}
        assert world.ready() == "True"
        await world.delete(Resource.DISRUPTION_BUDGETS, "mine")
        await world.settle()
        assert set(world.budgets()) == {SET}


@pytest.mark.parametrize("others", OTHERS)
async def test_one_that_is_about_other_pods_is_no_concern(others: Json) -> None:
    """Ours stays beside it."""
    async with World() as world:
        world.make("other", **others)
        await world.apply(labelled())
        await world.settle()
        assert set(world.budgets()) == {SET, "other"}


async def test_one_of_our_name_is_left_to_whoever_made_it() -> None:
    """It is neither changed nor a reason to make no servers, and a rollout goes on."""
    async with World() as world:
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}}
        world.make(SET, **spec)
        await world.open(4)
        await world.open(4, image="app:2")
        assert world.ready() == "True"
        assert world.budgets() == {SET: spec}


@pytest.mark.parametrize(
    "edit",
    [
        {"spec": {"minAvailable": "50%"}},
        {"spec": {"minAvailable": None, "maxUnavailable": 1}},
        {"spec": {"minAvailable": 0, "unhealthyPodEvictionPolicy": "IfHealthyBudget"}},
        {"spec": {"selector": {"matchLabels": {"a": "lie"}}}},
        {"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}},
        None,
    ],
)
async def test_one_edited_or_deleted_by_hand_is_put_right(edit: Json | None) -> None:
    """It is as it was, by one write."""
    async with World() as world:
        await world.open(4)
        before = world.budgets()
        if edit is None:
            await world.delete(Resource.DISRUPTION_BUDGETS, SET)
        else:
            await world.merge(Resource.DISRUPTION_BUDGETS, SET, edit)
        since = len(world.server.writes)
        await world.settle()
        assert world.budgets() == before
        assert len(world.server.writes) - since == 1


@pytest.mark.parametrize("verb", ["create", "patch"])
@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (500, "InternalError")])
async def test_one_that_cannot_be_written_holds_nothing_up(
    verb: str, code: int, reason: str
) -> None:
    """Servers come up and are updated, as they are where no eviction keeps to any budget."""
    refused = Verdict(before=refuse(code, reason, "poddisruptionbudgets: no"))
    async with World() as world:
        world.faults.on(verb, Resource.DISRUPTION_BUDGETS, verdict=refused, times=None)
        await world.open(4)
        await world.apply(application("shop", component("web", 4, image="app:2")))
        await asyncio.sleep(60)
        found = world.server.objects[Resource.PODS].values()
        assert {each["spec"]["containers"][0]["image"] for each in found} == {"app:2"}


async def test_stopped_servers_are_not_asked_of_a_drain() -> None:
    """Servers that a person stopped have no pods: what runs may be evicted within the limit."""
    async with World() as world:
        await world.open(6, rollout={"maxUnavailable": 1})
        await world.apply(operation("halt", "shop", "Stop", servers="0-3"))
        await world.settle()
        assert world.least() == 1
        await asyncio.gather(*world.drains(NODES - 1))


async def test_one_that_an_earlier_application_let_go_of_is_taken_up() -> None:
    """An application that went and left its servers finds its budget again, and keeps it."""
    async with World() as world:
        await world.open(4)
        before = world.get(Resource.DISRUPTION_BUDGETS, SET)["metadata"]["uid"]
        await world.delete(Resource.APPLICATIONS, "shop", propagation="Orphan")
        await world.settle()
        if SET in world.names(Resource.SERVERSETS):
            await world.delete(Resource.SERVERSETS, SET, propagation="Orphan")
            await world.settle()
        await world.open(4)
        found = world.get(Resource.DISRUPTION_BUDGETS, SET)["metadata"]
        (owner,) = found["ownerReferences"]
        assert found["uid"] == before
        assert owner["uid"] == world.get(Resource.SERVERSETS, SET)["metadata"]["uid"]
        assert world.ready() == "True"


async def test_labels_of_the_budget_are_mended() -> None:
    """By these people find it; labels and annotations of others stay, and then it rests."""
    async with World() as world:
        await world.open(4)
        edit = {
            "labels": {names.APPLICATION_LABEL: None, names.COMPONENT_LABEL: "x", "own": "mine"},
            "annotations": {"team.example.com/own": "mine"},
        }
        await world.merge(Resource.DISRUPTION_BUDGETS, SET, {"metadata": edit})
        await world.settle()
        found = world.get(Resource.DISRUPTION_BUDGETS, SET)["metadata"]
        assert (
            found["labels"].items()
            >= {
                names.APPLICATION_LABEL: "shop",
                names.COMPONENT_LABEL: "web",
                "own": "mine",
            }.items()
        )
        assert found["annotations"] == {"team.example.com/own": "mine"}
        before = len(world.server.writes)
        await world.settle(quiet=60)
        assert len(world.server.writes) == before

"""Servers that no node takes: why is told all the way up, in the scheduler's own words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Json, Universe, application, component

pytestmark = pytest.mark.looptime

WORDS = "0/3 nodes are available: 3 Insufficient cpu."


class World(Universe):
    """A cluster whose nodes take some pods and not others."""

    def __init__(self, refused: Callable[[str], bool]) -> None:
        self.refused = refused
        super().__init__(kubelet=Kubelet(self._behave))

    def _behave(self, pod: Json) -> Behaviour:
        refused = self.refused(pod["metadata"]["name"])
        return Behaviour(fate="Unschedulable" if refused else "Ready")

    def told(self, resource: Resource, name: str) -> dict[tuple[str, str], str]:
        """Return what an object waits for: the words, by object and reason."""
        found = self.get(resource, name).get("status", {}).get("blockedBy", ())
        return {(each["object"], each["reason"]): each["message"] for each in found}

    def place(self) -> None:
        """Have nodes come that take everything."""
        self.refused = lambda _: False
        for name in self.names(Resource.PODS):
            self.kubelet.place("default", name)


async def test_the_schedulers_words_reach_the_application() -> None:
    """Once for all servers that wait, with what to type; and they are over once all are placed."""
    async with World(lambda _: True) as world:
        await world.apply(application("shop", component("web", 3)))
        await world.settle(quiet=60)
        for resource, name in (
            (Resource.SERVERS, "shop-web-1"),
            (Resource.SERVERSETS, "shop-web"),
            (Resource.APPLICATIONS, "shop"),
        ):
            ((object_, reason),) = world.told(resource, name)
            assert (object_, reason) == ("Fleet/pods", "Unschedulable")
            assert WORDS in world.told(resource, name)[object_, reason]
        said = world.condition(Resource.APPLICATIONS, "shop")
        assert (said["reason"], WORDS in said["message"]) == ("Unschedulable", True)
        (blocked,) = world.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert blocked["remedy"].startswith("kubectl describe pod shop-web-")
        world.place()
        await world.settle()
        assert world.told(Resource.SERVERSETS, "shop-web") == {}
        assert world.told(Resource.APPLICATIONS, "shop") == {}
        assert world.condition(Resource.APPLICATIONS, "shop")["status"] == "True"


async def test_one_that_waits_beside_others_that_run_is_told() -> None:
    """Of five servers two find no node: the set names the cause once, and no server by name."""
    async with World(lambda name: name.endswith(("-1", "-3"))) as world:
        await world.apply(application("shop", component("web", 5)))
        await world.settle(quiet=60)
        assert set(world.told(Resource.SERVERSETS, "shop-web")) == {("Fleet/pods", "Unschedulable")}
        said = world.condition(Resource.SERVERSETS, "shop-web")
        assert said["message"].startswith("3 of 5 servers are available")


async def test_a_spare_server_that_finds_no_node_leaves_the_application_ready() -> None:
    """All that is asked for is there: it is said beside that, and what moves says why."""
    async with World(lambda name: name.endswith("-2")) as world:
        rollout = {"maxUnavailable": 0, "maxSurge": 1}
        await world.apply(application("shop", component("web", 2, rollout=rollout)))
        await world.settle()
        world.kubelet.cordoned.add("node-0")
        node = {"metadata": {"name": "node-0"}, "spec": {"unschedulable": True}}
        world.server.registry.create(Resource.NODES, "", node, actor="user")
        await world.settle(quiet=60)
        assert world.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        assert ("Fleet/pods", "Unschedulable") in world.told(Resource.APPLICATIONS, "shop")

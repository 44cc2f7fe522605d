"""Alternatives belong to their names, each has its turn, and to change the list restarts nobody."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Json, Universe, application, component

pytestmark = pytest.mark.looptime

RECOVERY = {"attempts": 2, "backoff": {"initialSeconds": 1, "maxSeconds": 5}}


def zone(name: str) -> dict[str, Any]:
    """Return the alternative of that zone."""
    return {"name": name, "patch": {"spec": {"nodeSelector": {"zone": name}}}}


def shop(*zones: str, replicas: int = 1, image: str = "app:1", **more: Any) -> Json:
    """Return an application whose servers may be made in those zones."""
    recovery = {**RECOVERY, "alternatives": list(map(zone, zones)), **more}
    return application("shop", component("web", replicas, image=image, recovery=recovery))


class World(Universe):
    """A cluster in which pods of some zones fail."""

    def __init__(self, *full: str) -> None:
        self.full = set(full)
        super().__init__(kubelet=Kubelet(self._behave))

    def _behave(self, pod: Json) -> Behaviour:
        lost = pod["spec"].get("nodeSelector", {}).get("zone") in self.full
        return Behaviour(fate="Failed" if lost else "Ready", start_seconds=0.5)

    def zones(self) -> list[str]:
        """Return the zone of each pod."""
        found = sorted(self.server.objects[Resource.PODS].items())
        return [body["spec"].get("nodeSelector", {}).get("zone", "") for _, body in found]

    def made_in(self, since: int = 0) -> list[str]:
        """Return the zones in which pods were made, in order."""
        return [
            each.after["spec"].get("nodeSelector", {}).get("zone", "")
            for each in self.server.writes[since:]
            if each.resource is Resource.PODS and each.before is None and each.after is not None
        ]

    def uids(self) -> set[str]:
        """Return the identities of the pods that are there."""
        return {each["metadata"]["uid"] for each in self.server.objects[Resource.PODS].values()}

    def attempts(self) -> dict[str, Any]:
        """Return the attempts that the first server tells."""
        found = self.server.objects.get(Resource.SERVERS, {}).get(("default", "shop-web-0"), {})
        return dict(found.get("status", {}).get("attempts") or {})


@pytest.mark.parametrize(
    "after",
    [("a", "b", "c"), ("b", "a"), ("c", "a", "b"), ("a",), ()],
    ids=["added", "moved", "put first", "one that nobody uses removed", "all removed"],
)
async def test_a_changed_list_restarts_nobody(after: tuple[str, ...]) -> None:
    """No server is made anew or changed, nor is there a rollout, whatever becomes of the list."""
    async with World() as world:
        await world.apply(shop("a", "b", replicas=3))
        await world.settle()
        before, revision = (
            world.uids(),
            world.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"],
        )
        since = len(world.server.writes)
        await world.apply(shop(*after, replicas=3))
        await world.settle()
        assert world.uids() == before
        assert world.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"] == revision
        assert not [
            each
            for each in world.server.writes[since:]
            if each.resource in (Resource.SERVERS, Resource.PODS)
        ]


async def test_what_worked_is_remembered_by_its_name() -> None:
    """A server that came up in b comes back in b, wherever that stands in the list by then."""
    async with World("a") as world:
        await world.apply(shop("a", "b"))
        await world.settle()
        assert world.zones() == ["b"]
        assert world.attempts()["alternativeName"] == "b"
        await world.apply(shop("b", "c", "a"))
        await world.settle()
        since = len(world.server.writes)
        await world.delete(Resource.PODS, "shop-web-0")
        await world.settle()
        assert world.made_in(since) == ["b"]


async def test_alternatives_wrap_around() -> None:
    """Each has its turn before the server counts as failed, also where the last one worked once."""
    async with World("a") as world:
        await world.apply(shop("a", "b", "c"))
        await world.settle()
        assert world.zones() == ["b"]
        world.full.update("bc")
        world.full.discard("a")
        since = len(world.server.writes)
        world.kubelet.fail("default", "shop-web-0")
        await world.settle()
        made = world.made_in(since)
        assert [each for i, each in enumerate(made) if i == 0 or made[i - 1] != each] == [
            "b",
            "c",
            "a",
        ]
        assert world.zones() == ["a"]
        assert not [
            each
            for each in world.server.writes
            if each.resource is Resource.SERVERS
            and ((each.after or {}).get("status", {}).get("attempts") or {}).get("exhausted")
        ], "it counted as failed before each had its turn"


async def test_all_used_up_is_failed_and_still_tried_in_turn() -> None:
    """When each was tried as often as it may be the server counts as failed; tries go on."""
    async with World("a", "b") as world:
        await world.apply(shop("a", "b"))
        await world.until(lambda: bool(world.attempts().get("exhausted")))
        made = world.made_in()
        assert (made.count("a"), made.count("b")) == (2, 2)
        since = len(world.server.writes)
        await world.until(lambda: len(world.made_in(since)) >= 4)
        assert set(world.made_in(since)) == {"a", "b"}
        world.full.clear()
        await world.until(
            lambda: world.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
        )


async def test_an_alternative_in_use_that_is_removed_leads_to_another() -> None:
    """A server that is being tried in b goes on with what there is once b is no more."""
    async with World("a", "b") as world:
        await world.apply(shop("a", "b", attempts=50))
        await world.until(lambda: "a" in world.made_in())
        await world.apply(shop("b", "c", attempts=1))
        await world.until(
            lambda: world.condition(Resource.APPLICATIONS, "shop").get("status") == "True"
        )
        assert world.zones() == ["c"]
        assert set(world.made_in()) <= {"a", "b", "c"}, "never without an alternative"


async def test_a_template_changes_in_place_in_the_alternative_of_its_server() -> None:
    """A new image after the list was turned round keeps the pod where it is."""
    async with World("a") as world:
        await world.apply(shop("a", "b"))
        await world.settle()
        before = world.uids()
        await world.apply(shop("b", "a"))
        await world.settle()
        await world.apply(shop("b", "a", image="app:2"))
        await world.settle()
        assert world.uids() == before
        assert world.zones() == ["b"]
        (pod,) = world.server.objects[Resource.PODS].values()
        assert pod["spec"]["containers"][0]["image"] == "app:2"

"""Servers that start one after the other, whose ordinals begin elsewhere, and names with dashes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Behaviour, Faults, Kubelet
from fakes.universe import Universe, application, component, operation
from tests.simulation.answers import blocked

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    "whenScaled": "Delete",
}
START = 5.0


class World(Universe):
    """A cluster in which pods take a while to start; those in `ill` never do."""

    def __init__(self) -> None:
        self.ill: set[str] = set()
        super().__init__(faults=Faults(), kubelet=Kubelet(self._behave))
        # Each pod that is made, with those that were Ready in that moment.
        self.made: list[tuple[str, set[str]]] = []
        # The most servers that there were without a pod of theirs.
        self.waiting = 0
        self.server.registry.storage.listeners.append(self._note)

    def _behave(self, pod: Json) -> Behaviour:
        fate = "CrashLoopBackOff" if pod["metadata"]["name"] in self.ill else "Ready"
        return Behaviour(fate=fate, start_seconds=START)

    def _note(self, *seen: Any) -> None:
        before = {name for name, _ in self.made}
        for name in sorted(self.pods().keys() - before):
            ready = {each for each, body in self.pods().items() if is_up(body)}
            self.made.append((name, ready))
        servers = self.server.objects[Resource.SERVERS]
        self.waiting = max(self.waiting, len(servers) - len(self.pods()))
        del seen

    def pods(self) -> dict[str, Json]:
        """Return the pods by name."""
        return {
            name: body for (_, name), body in self.server.objects[Resource.PODS].items() if body
        }

    def uids(self) -> dict[str, str]:
        """Return the UIDs of the pods."""
        return {name: body["metadata"]["uid"] for name, body in self.pods().items()}

    def forget(self) -> None:
        """Note from now on which pods are made, those of the same names too."""
        self.made.clear()

    async def bring(self, body: Json) -> None:
        """Apply, and wait until the application is Ready and rests."""
        await self.apply(body)
        await self.until(lambda: self.is_ready(body["metadata"]["name"]))
        await self.settle()

    def is_ready(self, name: str = "shop") -> bool:
        """Return whether the application is Ready at its current generation."""
        body = self.get(Resource.APPLICATIONS, name)
        found = self.condition(Resource.APPLICATIONS, name)
        current = body["status"]["observedGeneration"] == body["metadata"]["generation"]
        return current and found.get("status") == "True"


def is_up(body: Json) -> bool:
    """Return whether a pod is Ready."""
    told = body.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in told)


def shop(replicas: int, *, start: str = "Ordered", **fields: Any) -> Json:
    """Return an application of one component whose servers start in that way."""
    return application("shop", component("db", replicas, start=start, **fields))


def names_of(*ordinals: int) -> list[str]:
    """Return the names of servers."""
    return [f"shop-db-{each}" for each in ordinals]


async def test_each_server_starts_once_the_one_before_is_available() -> None:
    """At first, and when more are asked for; each costs no more writes than any other does."""
    async with World() as world:
        await world.bring(shop(3))
        await world.bring(shop(5))
        assert [name for name, _ in world.made] == names_of(0, 1, 2, 3, 4)
        for number, (_, ready) in enumerate(world.made):
            assert set(names_of(*range(number))) <= ready
        assert world.waiting == 1
        statuses = [
            each
            for each in world.server.writes
            if (each.resource, each.cause.subresource) == (Resource.SERVERS, "status")
        ]
        assert len(statuses) == 5


async def test_servers_start_all_at_once_unless_they_are_told_otherwise() -> None:
    """Parallel, and the absence of a word, waits for nobody."""
    for start in ("Parallel", None):
        async with World() as world:
            body = shop(3)
            body["spec"]["components"][0]["start"] = start
            if start is None:
                del body["spec"]["components"][0]["start"]
            await world.bring(body)
            assert all(not ready for _, ready in world.made)


async def test_one_that_does_not_come_up_keeps_those_after_it_waiting() -> None:
    """The next one is not made; once it is mended all come; a delete waits for nobody."""
    async with World() as world:
        world.ill.add("shop-db-1")
        await world.apply(shop(3))
        await asyncio.sleep(900)
        assert sorted(world.pods()) == names_of(0, 1)
        await world.apply(shop(3, template={"spec": {"containers": [{"name": "a", "image": "b"}]}}))
        world.ill.clear()
        await world.until(world.is_ready)
        assert sorted(world.pods()) == names_of(0, 1, 2)
        world.ill.add("shop-db-0")
        await world.delete(Resource.PODS, "shop-db-0")
        await world.delete(Resource.APPLICATIONS, "shop")
        await world.until(lambda: not world.names(Resource.APPLICATIONS), patience=120)
        assert world.pods() == {}


async def test_those_that_fail_together_come_back_one_after_the_other() -> None:
    """All pods go at once; each comes back after the one before it, and counts no attempt."""
    async with World() as world:
        await world.bring(shop(3))
        world.forget()
        world.ill.add("shop-db-0")
        for each in names_of(0, 1, 2):
            world.server.registry.delete(Resource.PODS, "default", each)
        await asyncio.sleep(120)
        assert sorted(world.pods()) == names_of(0)
        found = world.condition(Resource.SERVERS, "shop-db-2")
        assert found["reason"] == "WaitingForTurn"
        assert "shop-db-1" in found["message"]
        attempts = world.get(Resource.SERVERS, "shop-db-2")["status"].get("attempts", {})
        assert attempts.get("count", 0) == 0
        world.ill.clear()
        world.server.registry.delete(Resource.PODS, "default", "shop-db-0")
        world.forget()
        await world.until(world.is_ready)
        assert [name for name, _ in world.made] == names_of(0, 1, 2)
        assert [len(ready) for _, ready in world.made] == [0, 1, 2]


async def test_whoever_is_stopped_keeps_nobody_waiting() -> None:
    """Its place is passed over, when the next one is made and when one comes back."""
    async with World() as world:
        await world.bring(shop(2))
        await world.apply(operation("rest", "shop", "Stop", servers="1"))
        await world.until(lambda: sorted(world.pods()) == names_of(0))
        await world.settle()
        await world.apply(shop(3))
        await world.until(lambda: sorted(world.pods()) == names_of(0, 2))
        await world.settle()
        before = world.uids()["shop-db-2"]
        await world.delete(Resource.PODS, "shop-db-2")
        await world.until(lambda: world.uids().get("shop-db-2") not in (None, before))


async def test_servers_that_start_in_order_go_one_by_one() -> None:
    """Scaling down takes the highest, and the next once that is gone."""
    async with World() as world:
        await world.bring(shop(4, rollout={"maxUnavailable": "100%"}))
        going = [0]

        def note(*_: Any) -> None:
            there = world.server.objects[Resource.SERVERS].values()
            going.append(sum("deletionTimestamp" in each["metadata"] for each in there if each))

        world.server.registry.storage.listeners.append(note)
        await world.bring(shop(1, rollout={"maxUnavailable": "100%"}))
        assert sorted(world.pods()) == names_of(0)
        assert max(going) == 1


async def test_ordinals_begin_where_they_are_told_to() -> None:
    """Servers, pods, their index and their claims have them; scaled down, the highest goes."""
    async with World() as world:
        fields: Json = {"ordinals": {"start": 5}, "volumeClaims": [CLAIM]}
        await world.bring(shop(3, start="Parallel", **fields))
        assert sorted(world.pods()) == names_of(5, 6, 7)
        for name, body in world.pods().items():
            assert body["metadata"]["labels"][names.POD_INDEX_LABEL] == name[-1]
        await world.bring(shop(2, start="Parallel", **fields))
        assert sorted(world.pods()) == names_of(5, 6)
        assert world.names(Resource.CLAIMS) == ["data-shop-db-5", "data-shop-db-6"]


async def test_a_claim_of_a_server_that_comes_back_stays_wherever_ordinals_begin() -> None:
    """A Server that somebody deletes is made again, and finds its data."""
    async with World() as world:
        await world.bring(shop(2, start="Parallel", ordinals={"start": 5}, volumeClaims=[CLAIM]))
        uid = world.get(Resource.CLAIMS, "data-shop-db-6")["metadata"]["uid"]
        before = world.uids()["shop-db-6"]
        await world.delete(Resource.SERVERS, "shop-db-6")
        await world.until(lambda: world.uids().get("shop-db-6") not in (None, before))
        await world.until(world.is_ready)
        assert world.get(Resource.CLAIMS, "data-shop-db-6")["metadata"]["uid"] == uid


async def test_servers_are_handed_over_one_by_one_as_ordinals_move() -> None:
    """Raised with fewer replicas, the lowest goes; lowered with more, it comes; others run on."""
    async with World() as world:
        ways: Json = {"start": "Parallel", "rollout": {"maxUnavailable": 1}}
        await world.bring(shop(3, **ways))
        before = world.uids()
        await world.bring(shop(2, ordinals={"start": 1}, **ways))
        assert world.uids() == {each: before[each] for each in names_of(1, 2)}
        await world.bring(shop(3, **ways))
        assert sorted(world.pods()) == names_of(0, 1, 2)
        assert {each: world.uids()[each] for each in names_of(1, 2)} == {
            each: before[each] for each in names_of(1, 2)
        }


@pytest.mark.parametrize(
    "rollout", [{"maxUnavailable": 1}, {"maxUnavailable": 0, "maxSurge": 1}], ids=["down", "surge"]
)
async def test_raised_ordinals_replace_what_is_below_within_the_budget(rollout: Json) -> None:
    """As many as before, at other ordinals, never more than one of them down."""
    async with World() as world:
        await world.bring(shop(3, start="Parallel", rollout=rollout))
        least = [3]

        def note(*_: Any) -> None:
            least.append(sum(is_up(each) for each in world.pods().values()))

        world.server.registry.storage.listeners.append(note)
        await world.bring(
            shop(3, start="Parallel", rollout=rollout, ordinals={"start": 10}),
        )
        await world.until(lambda: sorted(world.pods()) == names_of(10, 11, 12))
        assert min(least) >= 3 - rollout["maxUnavailable"]


async def test_a_held_server_below_the_lowest_ordinal_stays() -> None:
    """A person has hold of it: it goes last, and no other is made and taken away in its place."""
    async with World() as world:
        await world.bring(shop(2, start="Parallel"))
        await world.merge(Resource.SERVERS, "shop-db-0", {"spec": {"held": True}})
        await world.settle()
        await world.apply(shop(2, start="Parallel", ordinals={"start": 5}))
        await world.settle()
        assert sorted(world.pods()) == names_of(0, 5)
        written = len(world.server.writes)
        await asyncio.sleep(900)
        assert len(world.server.writes) == written


async def test_a_partition_counts_from_the_lowest_ordinal() -> None:
    """As a StatefulSet's does: of 5, 6 and 7 a partition of 2 lets the last one change."""
    async with World() as world:
        rollout = {"partition": 2, "maxUnavailable": 3, "inPlace": "Never"}
        ways: Json = {"start": "Parallel", "ordinals": {"start": 5}, "rollout": rollout}
        await world.bring(shop(3, **ways))
        before = world.uids()
        await world.bring(shop(3, image="app:2", **ways))
        changed = {name for name, uid in world.uids().items() if before[name] != uid}
        assert changed == {"shop-db-7"}


async def test_a_components_name_may_have_dashes() -> None:
    """It comes up, rolls out, goes back to what was good, and leaves nothing behind."""
    async with World() as world:
        ways: Json = {
            "volumeClaims": [CLAIM],
            "rollout": {"onDeadline": "RollBack", "progressDeadlineSeconds": 60},
        }
        await world.bring(application("shop", component("es-data", 2, **ways)))
        assert sorted(world.pods()) == ["shop-es-data-0", "shop-es-data-1"]
        world.ill |= {"shop-es-data-0", "shop-es-data-1"}
        await world.apply(application("shop", component("es-data", 2, image="app:2", **ways)))
        await world.until(
            lambda: (
                world.condition(Resource.APPLICATIONS, "shop", "Stalled").get("reason")
                == "RolledBack"
            ),
            patience=120,
        )
        world.ill.clear()
        await world.until(
            lambda: (
                {each["spec"]["containers"][0]["image"] for each in world.pods().values()}
                == {"app:1"}
                and all(map(is_up, world.pods().values()))
            ),
            patience=300,
        )
        await world.delete(Resource.APPLICATIONS, "shop")
        await world.until(lambda: not world.names(Resource.APPLICATIONS))
        assert (world.pods(), world.names(Resource.SERVERS)) == ({}, [])


async def test_dashes_that_make_two_names_one_take_nothing_from_anybody() -> None:
    """shop-es/data and shop/es-data have one set's name: who comes second is told, and goes."""
    async with World() as world:
        await world.bring(application("shop-es", component("data", 2)))
        before = world.uids()
        await world.apply(application("shop", component("es-data", 1), component("web", 1)))
        await world.until(lambda: "shop-web-0" in world.pods())
        await world.settle()
        assert ("ServerSet/shop-es-data", "NameTaken") in blocked(
            world, Resource.APPLICATIONS, "shop"
        )
        assert {each: world.uids()[each] for each in before} == before
        await world.delete(Resource.APPLICATIONS, "shop")
        await world.until(lambda: world.names(Resource.APPLICATIONS) == ["shop-es"])
        assert world.uids() == before
        assert world.is_ready("shop-es")

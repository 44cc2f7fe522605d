"""A restart and a new template at the same time: each server is made once for both."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

import pytest

from controller.api.resources import PLACES, Resource
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime

ROLLOUT = {"maxUnavailable": 1, "inPlace": "Never"}


def parts(db: str, web: str, replicas: int = 4, **more: Any) -> Json:
    """Return an application whose web depends on its db, at these images."""
    rollout = {**ROLLOUT, **more}
    return application(
        "shop",
        component("db", 2, image=db, rollout={**ROLLOUT, "progressDeadlineSeconds": 30}),
        component("web", replicas, image=web, rollout=rollout, dependsOn=["db"]),
    )


class Play(Universe):
    """A cluster with a shop, whose writes are counted from when it is up."""

    def __init__(self) -> None:
        # How long pods take to be ready.
        self.boot = 2.0
        super().__init__(kubelet=Kubelet(self._behave))
        self.since = 0

    def _behave(self, pod: Any) -> Behaviour:
        """Let pods take a while to be ready; those of a broken image never are."""
        image = pod["spec"]["containers"][0]["image"]
        fate = "CrashLoopBackOff" if "broken" in image else "Ready"
        return Behaviour(fate=fate, start_seconds=self.boot)

    async def open(self, **more: Any) -> None:
        """Let the application come up."""
        await self.apply(parts("db:1", "web:1", **more))
        await self.settle()
        self.since = len(self.server.writes)

    def makings(self) -> dict[str, int]:
        """Return how many pods each server got since then."""
        found = [
            each.name
            for each in self.server.writes[self.since :]
            if each.resource is Resource.PODS and each.before is None
        ]
        return dict(collections.Counter(found))

    def images(self, part: str) -> list[str]:
        """Return what the servers of a component run, by ordinal."""
        found = self.server.objects[Resource.PODS]
        return [
            body["spec"]["containers"][0]["image"]
            for (_, name), body in sorted(found.items())
            if f"-{part}-" in name
        ]

    def ended(self, name: str) -> bool:
        """Return whether the operation is over."""
        said = self.condition(Resource.OPERATIONS, name, "Succeeded")
        return said.get("status") in ("True", "False")

    async def finish(self, name: str) -> str:
        """Let time pass until the operation is over and all is at rest; return why it ended."""
        await self.until(lambda: self.ended(name))
        await self.settle()
        return str(self.condition(Resource.OPERATIONS, name, "Succeeded")["reason"])

    def blockers(self, resource: Resource, name: str) -> set[str]:
        """Return all that the object ever named in blockedBy; each must be there at that time."""
        kinds = {place.kind: each for each, place in PLACES.items()}
        there: set[tuple[Resource, str]] = set()
        found: set[str] = set()
        for each in self.server.writes:
            key = each.resource, each.name
            (there.add if each.after is not None else there.discard)(key)
            if key != (resource, name) or each.after is None:
                continue
            for blocked in each.after.get("status", {}).get("blockedBy") or []:
                kind, _, thing = blocked["object"].partition("/")
                assert (kinds[kind], thing) in there, blocked
                found.add(blocked["object"])
        return found


@pytest.mark.parametrize("action", ["Restart", "Replace"])
@pytest.mark.parametrize("components", [["web"], ["db", "web"]])
async def test_a_restart_while_a_template_waits_makes_each_server_once(
    action: str, components: list[str]
) -> None:
    """The web's template waits for db: its restart comes with the new template, not before it."""
    async with Play() as play:
        await play.open()
        await play.apply(parts("db:2", "web:2"))
        await play.apply(operation("again", "shop", action, components=components))
        assert await play.finish("again") == "Completed"
        assert set(play.images("web")) == {"web:2"}
        assert play.makings() == dict.fromkeys(play.makings(), 1)
        assert len(play.makings()) == 6


async def test_a_template_in_the_middle_of_a_restart_makes_the_rest_once() -> None:
    """Servers that had their turn are updated; those that had not get both at once."""
    async with Play() as play:
        await play.open()
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        await play.until(lambda: len(play.makings()) == 2)
        await play.apply(parts("db:1", "web:2"))
        assert await play.finish("again") == "Completed"
        assert set(play.images("web")) == {"web:2"}
        assert sum(play.makings().values()) <= 6


async def test_what_was_in_the_making_before_a_restart_is_made_again() -> None:
    """An instance may have read what the restart is about: one from before it does not count."""
    async with Play() as play:
        await play.open()
        await play.apply(parts("db:1", "web:2"))
        await play.until(lambda: play.makings() == {"shop-web-3": 1})
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        assert await play.finish("again") == "Completed"
        assert play.makings() == {
            "shop-web-0": 1, "shop-web-1": 1, "shop-web-2": 1, "shop-web-3": 2
        }  # fmt: skip


async def test_scaling_down_spares_what_a_restart_has_down() -> None:
    """What comes up again for an operation is not ill: the highest goes."""
    async with Play() as play:
        await play.open()
        play.boot = 60.0
        await play.apply(operation("again", "shop", "Restart", components=["web"], servers="0"))
        await play.until(lambda: play.makings() == {"shop-web-0": 1})
        # By then the server tells of its new instance, which is not ready yet.
        await asyncio.sleep(45)
        told = play.get(Resource.SERVERS, "shop-web-0")["status"]
        assert told["incarnation"] == 2
        await play.apply(parts("db:1", "web:1", replicas=3))
        assert await play.finish("again") == "Completed"
        web = [each for each in play.names(Resource.SERVERS) if "-web-" in each]
        assert web == ["shop-web-0", "shop-web-1", "shop-web-2"]


async def test_a_restart_counts_for_servers_that_are_stopped() -> None:
    """A stopped server has nothing to make anew: it starts with a new instance when it starts."""
    async with Play() as play:
        await play.open()
        await play.apply(operation("stop", "shop", "Stop", components=["web"]))
        assert await play.finish("stop") == "Completed"
        before = play.makings()
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        assert await play.finish("again") == "Completed"
        assert play.makings() == before


async def test_a_rollout_that_may_do_more_at_once_leaves_servers_to_a_restart() -> None:
    """The rollout could take three at a time: all the same the restart brings each over, once."""
    async with Play() as play:
        await play.open(maxUnavailable=3)
        await play.apply(operation("again", "shop", "Restart", components=["web"], concurrency=1))
        await play.until(lambda: len(play.makings()) == 1)
        await play.apply(parts("db:1", "web:2", maxUnavailable=3))
        assert await play.finish("again") == "Completed"
        assert set(play.images("web")) == {"web:2"}
        assert sorted(play.makings().values()) == [1, 1, 1, 2]


async def test_a_rollout_in_place_leaves_servers_to_a_restart() -> None:
    """A new image is not put into a server that is about to be made anew: it is down once."""
    async with Play() as play:
        await play.open(maxUnavailable=3, inPlace="WhenPossible")
        await play.apply(operation("again", "shop", "Restart", components=["web"], concurrency=1))
        await play.until(lambda: len(play.makings()) == 1)
        await play.apply(parts("db:1", "web:2", maxUnavailable=3, inPlace="WhenPossible"))
        assert await play.finish("again") == "Completed"
        assert set(play.images("web")) == {"web:2"}
        assert play.makings() == {f"shop-web-{each}": 1 for each in range(4)}
        in_place = [
            each.name
            for each in play.server.writes[play.since :]
            if each.resource is Resource.SERVERS
            and each.before is not None
            and each.after is not None
            and each.before["spec"]["revision"] != each.after["spec"]["revision"]
            and each.before["spec"]["incarnation"] == each.after["spec"]["incarnation"]
        ]
        assert in_place == ["shop-web-0"]


async def test_a_restart_waits_for_no_template_that_is_stuck() -> None:
    """What the template waits for is stalled: the restart may be the cure, and goes on."""
    async with Play() as play:
        await play.open()
        await play.apply(parts("db:broken", "web:2"))
        await play.settle(quiet=100)
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        assert await play.finish("again") == "Completed"
        assert set(play.images("web")) == {"web:1"}


async def test_a_restart_keeps_what_the_partition_keeps() -> None:
    """Below the partition a restarted server keeps its revision; each is made once all the same."""
    async with Play() as play:
        await play.open(partition=2)
        await play.apply(parts("db:1", "web:2", partition=2))
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        assert await play.finish("again") == "Completed"
        assert play.images("web") == ["web:1", "web:1", "web:2", "web:2"]
        assert set(play.makings().values()) == {1}


async def test_a_rollout_behind_a_restart_names_it() -> None:
    """While the operation is to bring the servers over, the set's blockedBy names the operation."""
    async with Play() as play:
        await play.open()
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        await play.until(lambda: len(play.makings()) == 1)
        await play.apply(parts("db:1", "web:2"))
        assert await play.finish("again") == "Completed"
        assert "Operation/again" in play.blockers(Resource.SERVERSETS, "shop-web")
        assert not play.get(Resource.SERVERSETS, "shop-web")["status"].get("blockedBy")


async def test_a_waiting_restart_names_what_its_template_waits_for() -> None:
    """The operation says that the template of web waits, and names the set that it waits for."""
    async with Play() as play:
        await play.open()
        await play.apply(parts("db:2", "web:2"))
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        await play.finish("again")
        assert "ServerSet/shop-db" in play.blockers(Resource.OPERATIONS, "again")


async def test_a_paused_restart_holds_no_rollout_up() -> None:
    """Paused, it is nobody's rival: the rollout goes on without it."""
    async with Play() as play:
        await play.open()
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        await play.until(lambda: len(play.makings()) == 1)
        await play.merge(Resource.OPERATIONS, "again", {"spec": {"paused": True}})
        await play.apply(parts("db:1", "web:2"))
        await play.settle()
        assert set(play.images("web")) == {"web:2"}


async def test_a_cancelled_restart_gives_its_servers_back_to_the_rollout() -> None:
    """What it did not get to is brought over by the rollout as soon as the operation has ended."""
    async with Play() as play:
        await play.open()
        await play.apply(operation("again", "shop", "Restart", components=["web"]))
        await play.until(lambda: len(play.makings()) == 1)
        await play.apply(parts("db:1", "web:2"))
        await play.merge(Resource.OPERATIONS, "again", {"spec": {"cancelled": True}})
        assert await play.finish("again") == "Cancelled"
        assert set(play.images("web")) == {"web:2"}

"""Ill servers on the whole engine, in virtual time: who is made anew, and who is let be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime

AFTER, HOLD = 300, 1800


async def come_up(universe: Universe, replicas: int, **fields: Any) -> dict[str, str]:
    """Make an application, wait until all is quiet, and return the UIDs of its pods."""
    await universe.apply(application("shop", component("web", replicas, **fields)))
    await universe.until(lambda: well(universe))
    await universe.settle()
    return pods(universe)


def well(universe: Universe) -> bool:
    """Return whether the application says that it is ready."""
    return universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"


def pods(universe: Universe) -> dict[str, str]:
    """Return the UIDs of all pods by their names."""
    found = universe.server.objects[Resource.PODS].items()
    return {name: body["metadata"]["uid"] for (_, name), body in found}


def fall_ill(universe: Universe, ordinals: Iterable[int]) -> None:
    """Let the readiness probes of some servers fail."""
    for each in ordinals:
        universe.kubelet.unready("default", f"shop-web-{each}")


def get_well(universe: Universe, ordinals: Iterable[int]) -> None:
    """Let the readiness probes of some servers pass again."""
    for each in ordinals:
        universe.kubelet.ready("default", f"shop-web-{each}")


class Watch:
    """Notes which servers were made anew, and how many at once were without a ready pod."""

    def __init__(self, universe: Universe) -> None:
        self.universe, self.before = universe, pods(universe)
        self.most = 0

    def anew(self) -> list[str]:
        """Return the servers whose pods are others than at first, or gone for now."""
        now = pods(self.universe)
        return sorted(name for name, uid in self.before.items() if now.get(name) != uid)

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(0.2)
            servers = self.universe.server.objects[Resource.SERVERS].values()
            coming = [
                each
                for each in servers
                if each["spec"]["incarnation"] > 1
                and self.universe.condition(Resource.SERVERS, each["metadata"]["name"])["status"]
                != "True"
            ]
            self.most = max(self.most, len(coming))


async def test_six_of_ten_ill_for_ten_minutes_and_well_again_keep_their_pods() -> None:
    """Nobody is replaced, neither while they are ill nor as they get well one after the other."""
    async with Universe() as universe:
        before = await come_up(universe, 10)
        fall_ill(universe, range(6))
        await asyncio.sleep(600)
        told = universe.condition(Resource.SERVERSETS, "shop-web")
        assert (told["status"], told["reason"]) == ("False", "ContainersNotReady")
        assert "the cause is likely not theirs" in told["message"]
        blocked = universe.get(Resource.APPLICATIONS, "shop")["status"]["blockedBy"]
        assert "RemediationHeld" in {each["reason"] for each in blocked}
        for each in range(6):
            get_well(universe, [each])
            await asyncio.sleep(40)
        await universe.settle(quiet=2 * AFTER)
        assert pods(universe) == before
        assert well(universe)


async def test_two_of_three_ill_for_good_are_healed_one_at_a_time_within_the_bound() -> None:
    """Held for half an hour, then each is tried in its turn, and all is well soon after."""
    async with Universe() as universe:
        await come_up(universe, 3)
        watch = Watch(universe)
        fall_ill(universe, (0, 2))
        await watch.run(HOLD - 20)
        assert watch.anew() == []
        await watch.run(60)
        assert watch.anew() == ["shop-web-0", "shop-web-2"]
        assert watch.most == 1
        await universe.until(lambda: well(universe), patience=60)


async def test_a_killed_operator_remembers_the_hold() -> None:
    """Killed every few minutes, the next one counts on: no server is replaced early or forgotten.

    Times of illness are the servers' own, and the end of a hold is in the set's status.
    """
    async with Universe() as universe:
        before = await come_up(universe, 10)
        watch = Watch(universe)
        fall_ill(universe, range(6))
        for _ in range(4):
            await asyncio.sleep(200)
            await universe.crash()
        get_well(universe, range(4))
        await asyncio.sleep(30)
        await universe.crash()
        await asyncio.sleep(200)
        assert pods(universe) == before
        await watch.run(2 * AFTER)
        assert watch.anew() == ["shop-web-4", "shop-web-5"]


async def test_healing_counts_against_the_one_budget() -> None:
    """While a rollout has as many down as the budget allows, the ill one waits for these."""
    async with Universe() as universe:
        rollout = {"maxUnavailable": 1, "inPlace": "Never"}
        await come_up(universe, 6, rollout=rollout)
        # Whatever is made from now on takes ten minutes to start.
        universe.kubelet.behave = lambda _: Behaviour(start_seconds=600)
        fall_ill(universe, (5,))
        await asyncio.sleep(AFTER - 30)
        await universe.apply(operation("again", "shop", "Restart", components=["web"], servers="2"))
        before = pods(universe)
        most = 0
        for _ in range(600):
            await asyncio.sleep(1)
            now = pods(universe)
            ready = {
                each["metadata"]["name"]
                for each in universe.server.objects[Resource.SERVERS].values()
                if universe.condition(Resource.SERVERS, each["metadata"]["name"])["status"]
                == "True"
            }
            anew = [name for name, uid in before.items() if now.get(name) != uid]
            most = max(most, len([name for name in anew if name not in ready]))
        assert most == 1
        await universe.until(lambda: well(universe), patience=2400)
        assert {name for name, uid in pods(universe).items() if before[name] != uid} == {
            "shop-web-2",
            "shop-web-5",
        }


@pytest.mark.parametrize("grace", [1, 200])
async def test_an_ill_server_waits_for_one_that_was_evicted(grace: int) -> None:
    """From when its pod is on its way out until another is ready, it is one that may be down."""
    template = {
        "spec": {
            "terminationGracePeriodSeconds": grace,
            "containers": [{"name": "main", "image": "app:1"}],
        }
    }
    async with Universe() as universe:
        before = await come_up(universe, 10, template=template, rollout={"maxUnavailable": 1})
        slow = Behaviour(start_seconds=90.0, stop_seconds=grace)
        universe.kubelet.behave = lambda _: slow
        fall_ill(universe, (7,))
        await asyncio.sleep(AFTER - 20)
        await universe.server.delete(
            Resource.PODS, "default", "shop-web-3", uid=before["shop-web-3"]
        )
        await asyncio.sleep(grace + 60)
        assert pods(universe)["shop-web-7"] == before["shop-web-7"]
        await universe.until(
            lambda: pods(universe).get("shop-web-7") != before["shop-web-7"], patience=grace + 120
        )
        told = universe.condition(Resource.SERVERS, "shop-web-3")
        assert told["status"] == "True"

"""A container that ends again and again is one thing to people, at each moment of it.

Between two ends a pod says in turn that it ended, waits, runs, and is ready. The application tells
the crash in each of them but the last, and what ended before is told at once when it ends again.
"""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from controller.api.resources import Resource
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Json, Universe, application, component

pytestmark = pytest.mark.looptime

READY = ("Ready", "True")
PATIENT: Json = {
    "recovery": {"attempts": 1000, "remediation": {"afterSeconds": 3600, "maxHoldSeconds": 3600}},
    "rollout": {"progressDeadlineSeconds": 86400},
}
LOOPS = ("CrashLoopBackOff", True, "CrashLoopBackOff")
LAST = "Traceback (most recent call last):\n  File \"app.py\"\nKeyError: 'DATABASE'\n"
ENDED = "container main exited with 1 (Error): KeyError: 'DATABASE'"


@dataclasses.dataclass
class Watched:
    """What an application said, look by look, while its pod was not ready."""

    said: set[tuple[str, bool, str]] = dataclasses.field(default_factory=set)
    last: list[Json] = dataclasses.field(default_factory=list)
    only: str = ""

    def look(self, universe: Universe) -> None:
        """Note the reason, whether the words are in the message, and of what blockedBy tells."""
        pods = [
            each["status"]
            for (_, name), each in universe.server.objects[Resource.PODS].items()
            if name.startswith(self.only)
        ]
        rests, self.last = self.last == pods, pods
        conditions = [each for pod in pods for each in pod["conditions"]]
        if not rests or any((each["type"], each["status"]) == READY for each in conditions):
            return
        states = [each for pod in pods for each in pod.get("containerStatuses", ())]
        if len(states) < len(pods) or not all(map(_has_ended, states)):
            return
        told = universe.condition(Resource.APPLICATIONS, "shop")
        blocked = universe.get(Resource.APPLICATIONS, "shop")["status"].get("blockedBy", [])
        why = [each["reason"] for each in blocked if each["object"].startswith("Server/")]
        self.said.add((told["reason"], ENDED in told["message"], ", ".join(sorted(set(why)))))


def _has_ended(state: Json) -> bool:
    return "lastState" in state or "terminated" in state["state"]


def crashing(*, probed: bool, ends: int = 1000, runs_seconds: float = 5.0) -> Behaviour:
    """Return the behaviour of a container that ends after a while."""
    fate = "Unready" if probed else "Ready"
    return Behaviour(fate=fate, ends=ends, runs_seconds=runs_seconds, message=LAST)


@pytest.mark.parametrize("probed", [False, True], ids=["no probe", "a probe"])
@pytest.mark.parametrize("replicas", [1, 3])
async def test_a_crash_is_told_at_each_moment_that_it_is_not_ready(
    replicas: int, *, probed: bool
) -> None:
    """Reason, message and blockedBy of the application say the crash whenever one looks."""
    kubelet = Kubelet(lambda _: crashing(probed=probed))
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(application("shop", component("web", replicas, **PATIENT)))
        watched = Watched()
        for _ in range(1000):
            await asyncio.sleep(0.9)
            watched.look(universe)
    # The first end of a pod is no loop yet.
    assert watched.said - {("Error", True, "Error")} == {LOOPS}


async def test_an_end_among_many_well_servers_is_told_as_well() -> None:
    """Of ten servers one crashes: the nine others hide neither the reason nor the words."""
    kubelet = Kubelet(
        lambda pod: (
            crashing(probed=False) if pod["metadata"]["name"] == "shop-web-7" else Behaviour()
        )
    )
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(application("shop", component("web", 10, **PATIENT)))
        await asyncio.sleep(60)
        watched = Watched(only="shop-web-7")
        for _ in range(500):
            await asyncio.sleep(0.9)
            watched.look(universe)
    assert watched.said - {("Error", True, "Error")} == {LOOPS}


async def test_what_ended_once_and_starts_slowly_costs_no_attempt() -> None:
    """A program that was killed once, and reads its journal for five minutes, has not failed."""

    def behave(pod: Json) -> Behaviour:
        states = pod.get("status", {}).get("containerStatuses", [])
        restarted = any(each["restartCount"] or "terminated" in each["state"] for each in states)
        fate = "Unready" if restarted else "Ready"
        return Behaviour(fate=fate, ends=1, message="Killed")

    async with Universe(kubelet=Kubelet(behave)) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await asyncio.sleep(250)
        status = universe.get(Resource.SERVERS, "shop-web-0")["status"]
        assert not status.get("attempts", {}).get("count")
        assert universe.condition(Resource.SERVERS, "shop-web-0").get("reason") == "Unhealthy"
        (why,) = status["blockedBy"]
        assert (why["reason"], why["message"]) == (
            "Error",
            "container main exited with 1 (Error): Killed",
        )


async def test_an_init_container_that_loops_is_told() -> None:
    """It never comes to the containers: the pod is Pending, and says the same."""
    end = {"exitCode": 3, "reason": "Error", "message": "no such host: db"}
    kubelet = Kubelet(lambda _: Behaviour(fate="PodInitializing"))
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(application("shop", component("web", 1, **PATIENT)))
        await asyncio.sleep(10)
        for state in ({"terminated": end}, {"waiting": {"reason": "CrashLoopBackOff"}}) * 3:
            pod = universe.get(Resource.PODS, "shop-web-0")
            wait: Json = {"name": "wait", "restartCount": 4, "state": state}
            wait |= {"lastState": {"terminated": end}}
            status = {**pod["status"], "initContainerStatuses": [wait]}
            universe.server.registry.set_status(
                Resource.PODS, ("default", "shop-web-0"), status, actor="kubelet"
            )
            await asyncio.sleep(20)
            told = universe.condition(Resource.APPLICATIONS, "shop")
            assert told["reason"] == "CrashLoopBackOff"
            assert "container wait exited with 3 (Error): no such host: db" in told["message"]

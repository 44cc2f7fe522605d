"""What guards one namespace and never answers, in virtual time: it holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.planning.circuit import CircuitState
from fakes.api_server import Request, Rule, Verdict, chaos
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
# How long Argosy waits for the answer to a write, about.
ANSWER_SECONDS = 4.5
# How long an application of two servers takes where nothing is in its way, and more.
USUAL_SECONDS = 20.0


class Guard:
    """A webhook over the pods of some namespaces that never answers, and when it was asked."""

    def __init__(self, universe: Universe, namespaces: Collection[str]) -> None:
        self.tried: list[float] = []
        self._universe, self._namespaces = universe, namespaces
        verdict = Verdict(there=ANSWER_SECONDS, before=chaos.kept("the webhook does not answer"))
        self._rule = Rule(matches=self._matches, verdict=verdict, times=None)
        universe.faults.rules.append(self._rule)

    def _matches(self, request: Request) -> bool:
        asked = request.verb in ("create", "patch") and request.resource is Resource.PODS
        if not asked or request.namespace not in self._namespaces:
            return False
        self.tried.append(self._universe.server.now())
        return True

    def over(self) -> None:
        """Have it let everything pass."""
        self._universe.faults.rules.remove(self._rule)


async def open_namespaces(universe: Universe, *names: str) -> None:
    """Make namespaces."""
    for each in names:
        await universe.server.create(Resource.NAMESPACES, "", {"metadata": {"name": each}})


def shop(namespace: str, replicas: int) -> Json:
    """Return an application of one component in that namespace."""
    body = application("shop", component("web", replicas))
    body["metadata"]["namespace"] = namespace
    return body


def told(universe: Universe, namespace: str, resource: Resource = Resource.APPLICATIONS) -> Json:
    """Return what the application of a namespace says of itself, or its first server."""
    name = "shop" if resource is Resource.APPLICATIONS else "shop-web-0"
    return dict(universe.server.objects[resource].get((namespace, name), {}).get("status", {}))


def is_ready(universe: Universe, namespace: str) -> bool:
    """Return whether the application of that namespace is Ready."""
    found = told(universe, namespace).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in found)


def pods(universe: Universe, namespace: str) -> int:
    """Return how many pods a namespace has."""
    return sum(place == namespace for place, _ in universe.server.objects.get(Resource.PODS, {}))


async def test_a_tenants_dead_webhook_never_delays_anothers_create() -> None:
    """For half an hour nobody else makes a pod; whoever does then meets nothing of it."""
    async with Universe() as universe:
        await open_namespaces(universe, "bad", "good")
        Guard(universe, {"bad"})
        await universe.apply(shop("bad", 30))
        for wanted in (2, 4, 6):
            await asyncio.sleep(600)
            assert universe.process.fleets.circuit("pods").state is CircuitState.CLOSED
            await universe.apply(shop("good", wanted))
            await universe.until(
                lambda wanted=wanted: (  # type: ignore[misc]  # bound at once, as it is called
                    pods(universe, "good") == wanted and is_ready(universe, "good")
                ),
                patience=USUAL_SECONDS,
            )


async def test_several_tenants_of_bad_will_delay_nobody_either() -> None:
    """However many namespaces are never answered, each is held by itself."""
    bad = [f"bad-{number}" for number in range(4)]
    async with Universe() as universe:
        await open_namespaces(universe, *bad, "good")
        Guard(universe, bad)
        for each in bad:
            await universe.apply(shop(each, 10))
        await asyncio.sleep(600)
        assert universe.process.fleets.circuit("pods").state is CircuitState.CLOSED
        await universe.apply(shop("good", 2))
        await universe.until(lambda: is_ready(universe, "good"), patience=USUAL_SECONDS)


async def test_a_namespace_that_is_held_is_told_costs_little_and_comes_back() -> None:
    """It is asked for one server at a time, no attempt is counted, and all come up after it."""
    async with Universe() as universe:
        await open_namespaces(universe, "bad")
        guard = Guard(universe, {"bad"})
        await universe.apply(shop("bad", 30))
        await asyncio.sleep(300)
        before = len(guard.tried)
        await asyncio.sleep(1500)
        # 30 s · 2^k between two trials, ten minutes at most.
        assert 1 <= len(guard.tried) - before <= 8
        (blocked,) = told(universe, "bad", Resource.SERVERS)["blockedBy"]
        assert (blocked["object"], blocked["reason"]) == ("Namespace/bad", "CircuitOpen")
        assert "for the namespace bad failed" in blocked["message"]
        assert "the webhook does not answer" in blocked["message"]
        assert blocked["nextAttemptTime"]
        assert "webhookconfigurations" in blocked["remedy"]
        assert ("Namespace/bad", "CircuitOpen") in [
            (each["object"], each["reason"]) for each in told(universe, "bad")["blockedBy"]
        ]
        for body in universe.server.objects[Resource.SERVERS].values():
            assert not (body["status"].get("attempts") or {}).get("count")
        guard.over()
        await universe.until(lambda: is_ready(universe, "bad"), patience=900)
        assert pods(universe, "bad") == 30


async def test_an_outage_of_the_fleet_opens_one_circuit_for_all() -> None:
    """The API server makes no pod for anybody: one trial at a time is made, not one a namespace."""
    names = [f"team-{number}" for number in range(5)]
    async with Universe() as universe:
        await open_namespaces(universe, *names)
        tried: list[float] = []

        def matches(request: Request) -> bool:
            if request.verb != "create" or request.resource is not Resource.PODS:
                return False
            tried.append(universe.server.now())
            return True

        verdict = Verdict(before=chaos.busy("too much"))
        rule = Rule(matches=matches, verdict=verdict, times=None)
        universe.faults.rules.append(rule)
        for each in names:
            await universe.apply(shop(each, 10))
        fleets = universe.process.fleets
        await universe.until(
            lambda: fleets.circuit("pods").state is CircuitState.OPEN, patience=300
        )
        before = len(tried)
        await asyncio.sleep(600)
        assert len(tried) - before <= 6
        assert {told(universe, each)["blockedBy"][0]["object"] for each in names} == {"Fleet/pods"}
        universe.faults.rules.remove(rule)
        await universe.until(lambda: all(is_ready(universe, each) for each in names), patience=900)


async def test_a_fleet_comes_back_for_all_but_the_namespace_that_is_never_answered() -> None:
    """Its trials are not those of the fleet: one that hangs keeps nobody else waiting."""
    async with Universe() as universe:
        await open_namespaces(universe, "bad", "good")
        guard = Guard(universe, {"bad"})
        verdict = Verdict(before=chaos.busy("too much"))
        rule = Rule(
            matches=lambda one: one.verb == "create" and one.resource is Resource.PODS,
            verdict=verdict,
            times=None,
        )
        universe.faults.rules.insert(0, rule)
        await universe.apply(shop("bad", 60))
        await universe.apply(shop("good", 2))
        fleets = universe.process.fleets
        await universe.until(
            lambda: fleets.circuit("pods").state is CircuitState.OPEN, patience=300
        )
        await asyncio.sleep(300)
        universe.faults.rules.remove(rule)
        await universe.until(lambda: is_ready(universe, "good"), patience=900)
        assert guard.tried
        assert not pods(universe, "bad")
        assert fleets.circuit("pods").state is not CircuitState.OPEN
        guard.over()
        await universe.until(lambda: is_ready(universe, "bad"), patience=1200)

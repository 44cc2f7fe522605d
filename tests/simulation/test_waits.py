"""Whoever waits names the other in blockedBy: an object that is there, and a command that helps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from fakes.api_server import Behaviour, Kubelet
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime

KINDS = {place.kind: resource for resource, place in PLACES.items()}
# Parts of an Application, and what no API serves by this kind and name.
PARTS = frozenset({"Component", "Webhook"})
FINE = Behaviour()
ONE = {"maxUnavailable": 1, "inPlace": "Never"}


def named(universe: Universe, *, lag: bool = False) -> Iterator[tuple[str, str]]:
    """Yield who ever named what in blockedBy; each other object must have been there then.

    With `lag` it may just have gone: people delete things while somebody is named for them.
    """
    there: set[tuple[Resource, str]] = set()
    for each in universe.server.writes:
        key = each.resource, each.name
        (there.add if each.after is not None or lag else there.discard)(key)
        status = (each.after or {}).get("status") or {}
        for blocked in status.get("blockedBy") or [] if each.cause.subresource == "status" else []:
            kind, _, name = blocked["object"].partition("/")
            assert blocked["message"], blocked
            assert kind in PARTS or (KINDS[kind], name) in there, (each.name, blocked)
            yield f"{PLACES[each.resource].kind}/{each.name}", blocked["object"]


def behave(pod: Json) -> Behaviour:
    """Let pods of a slow image take long, and those of a broken one never come up."""
    image = pod["spec"]["containers"][0]["image"]
    fate = "CrashLoopBackOff" if "broken" in image else "Ready"
    return Behaviour(fate=fate, start_seconds=60.0 if "slow" in image else 1.0)


def cluster() -> Universe:
    """Return a cluster whose pods come up as their images say."""
    return Universe(kubelet=Kubelet(behave))


def steps(name: str, **more: Any) -> dict[str, Any]:
    """Return the spec of an operation of one step, a command."""
    return {"steps": [{"name": name, "exec": {"command": [name]}}], **more}


async def test_a_chain_of_dependencies_names_what_has_been_made() -> None:
    """Web waits for db, db for cache: neither names a set that is still to be made."""
    async with cluster() as universe:
        await universe.apply(
            application(
                "shop",
                component("cache", 1, image="slow:1"),
                component("db", 1, dependsOn=["cache"]),
                component("web", 1, dependsOn=["db"]),
            )
        )
        await universe.settle()
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 3)
        found = set(named(universe))
        assert ("Application/shop", "ServerSet/shop-cache") in found


async def test_an_operation_before_its_servers_names_what_is_there() -> None:
    """The set of web is still to be made: the operation waits for its application."""
    async with cluster() as universe:
        await universe.apply(
            application(
                "shop",
                component("db", 1, image="slow:1"),
                component("web", 1, dependsOn=["db"]),
            )
        )
        await universe.apply(operation("go", "shop", "Restart", components=["web"]))
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 2)
        await universe.settle()
        assert ("Operation/go", "Application/shop") in set(named(universe))


async def test_a_rollout_behind_an_operation_names_it() -> None:
    """An act that takes long holds servers: the set and its application name the operation."""
    async with cluster() as universe:
        await universe.apply(application("shop", component("web", 2, rollout=ONE)))
        await universe.settle()
        waiting = operation("go", "shop", "Steps", **steps("sleep", concurrency=2))

        async def sleep(*_: Any) -> Any:
            await asyncio.sleep(100)

        universe.server.on_exec = sleep
        await universe.apply(waiting)
        await universe.until(
            lambda: universe.get(Resource.OPERATIONS, "go").get("status", {}).get("running") == 2
        )
        await universe.apply(application("shop", component("web", 2, image="app:2", rollout=ONE)))
        await universe.settle(quiet=20)
        found = set(named(universe))
        assert ("ServerSet/shop-web", "Operation/go") in found
        assert ("Application/shop", "Operation/go") in found


async def test_a_rollout_without_budget_names_who_has_it() -> None:
    """A server that fell ill uses the only place: the set names it while the rollout waits."""
    async with cluster() as universe:
        await universe.apply(application("shop", component("web", 3, rollout=ONE)))
        await universe.settle()
        held = {"spec": {"held": True}}
        await universe.merge(Resource.SERVERS, "shop-web-0", held)
        universe.kubelet.unready("default", "shop-web-0")
        await universe.settle()
        await universe.apply(application("shop", component("web", 3, image="app:2", rollout=ONE)))
        await universe.settle(quiet=20)
        assert ("ServerSet/shop-web", "Server/shop-web-0") in set(named(universe))


async def test_a_paused_application_is_named_by_all_that_waits_below_it() -> None:
    """A set with something to do, and an operation, name the application that is paused."""
    async with cluster() as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        await universe.apply(application("shop", component("web", 1), paused=True))
        await universe.settle()
        assert not universe.get(Resource.SERVERSETS, "shop-web")["status"].get("blockedBy")
        await universe.delete(Resource.SERVERS, "shop-web-0")
        await universe.apply(operation("go", "shop", "Restart"))
        await universe.settle()
        found = set(named(universe))
        assert ("ServerSet/shop-web", "Application/shop") in found
        assert ("Operation/go", "Application/shop") in found


async def test_compatible_operations_name_one_another_for_a_busy_server() -> None:
    """Two Starts meet on a server that takes long: the second one names the first, if it waits."""
    async with cluster() as universe:
        slow = component("web", 2, image="slow:1", rollout=ONE)
        await universe.apply(application("shop", slow))
        await universe.settle(quiet=70)
        await universe.apply(operation("night", "shop", "Stop"))
        await universe.until(lambda: not universe.names(Resource.PODS))
        await universe.settle()
        await universe.apply(operation("one", "shop", "Start", concurrency=2))
        await universe.until(lambda: len(universe.names(Resource.PODS)) == 2)
        await universe.apply(operation("two", "shop", "Start", concurrency=4))
        await universe.settle(quiet=70)
        assert ("Operation/two", "Operation/one") in set(named(universe))


@pytest.mark.parametrize("more", [{}, {"concurrency": 3}])
async def test_an_operation_names_the_server_that_does_not_come_back(more: dict[str, Any]) -> None:
    """A restarted server finds no node: the operation tells it, in the scheduler's words.

    Once the server is back the operation waits for it no more, and ends.
    """
    words = "0/3 nodes are available: 3 Insufficient cpu."
    full = Behaviour(fate="Unschedulable", message=words)
    kubelet = Kubelet(
        lambda pod: full if pod["metadata"]["labels"][names.INCARNATION_LABEL] == "2" else FINE
    )
    async with Universe(kubelet=kubelet) as universe:
        await universe.bring_up(application("shop", component("web", 3, rollout=ONE)))
        await universe.apply(operation("go", "shop", "Restart", **more))
        await asyncio.sleep(20)
        assert not universe.get(Resource.OPERATIONS, "go")["status"].get("blockedBy")
        await asyncio.sleep(100)
        told = universe.get(Resource.OPERATIONS, "go")["status"]["blockedBy"][0]
        stuck = next(
            name
            for name in universe.names(Resource.SERVERS)
            if universe.condition(Resource.SERVERS, name)["status"] != "True"
        )
        assert (told["object"], told["reason"]) == (f"Server/{stuck}", "Unschedulable")
        assert words in told["message"]
        kubelet.behave = lambda _: FINE
        for name in universe.names(Resource.PODS):
            if not universe.get(Resource.PODS, name)["spec"].get("nodeName"):
                kubelet.place("default", name)
        await universe.until(
            lambda: (
                universe.condition(Resource.OPERATIONS, "go", "Succeeded").get("status") == "True"
            )
        )
        assert not universe.get(Resource.OPERATIONS, "go")["status"].get("blockedBy")

"""A Stop is remembered by the set: what is made later is stopped, too, until a Start."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime

WEB = ("shop-web-0", "shop-web-1", "shop-web-2")


def shop(replicas: int, **more: Any) -> Json:
    """Return an application of one component."""
    return application("shop", component("web", replicas, **more))


def power(universe: Universe) -> dict[str, str]:
    """Return what each server is told to be."""
    servers = universe.server.objects.get(Resource.SERVERS, {})
    return {name: body["spec"].get("power", "") for (_, name), body in sorted(servers.items())}


def pods(universe: Universe) -> list[str]:
    """Return the servers that run."""
    return universe.names(Resource.PODS)


def ended(universe: Universe, name: str) -> bool:
    """Return whether the operation is over."""
    return universe.condition(Resource.OPERATIONS, name, "Succeeded").get("status") != "Unknown"


async def act(universe: Universe, name: str, action: str, **spec: Any) -> None:
    """Run an operation to its end, and let all come to rest."""
    await universe.apply(operation(name, "shop", action, **spec))
    await universe.until(lambda: ended(universe, name))
    await universe.settle()


async def open_shop(universe: Universe, replicas: int, **more: Any) -> None:
    """Let an application come up."""
    await universe.apply(shop(replicas, **more))
    await universe.settle()


async def test_what_scaling_up_adds_to_a_stopped_set_is_stopped_until_a_start() -> None:
    """A set that was stopped grows by servers that do not run; a Start brings all of them up."""
    async with Universe() as universe:
        await open_shop(universe, 2)
        await act(universe, "night", "Stop")
        assert pods(universe) == []
        await universe.apply(shop(3))
        await universe.settle()
        assert power(universe) == dict.fromkeys(WEB, "Stopped")
        assert pods(universe) == []
        await act(universe, "morning", "Start")
        assert pods(universe) == list(WEB)
        await universe.apply(shop(4))
        await universe.settle()
        assert len(pods(universe)) == 4


async def test_a_lost_server_of_a_stopped_set_comes_back_stopped() -> None:
    """A Server deleted by hand is made again as its set remembers it: without a pod."""
    async with Universe() as universe:
        await open_shop(universe, 3)
        await act(universe, "two", "Stop", servers="1-2")
        await universe.delete(Resource.SERVERS, "shop-web-1")
        await universe.settle()
        assert power(universe) == dict(zip(WEB, ("Running", "Stopped", "Stopped"), strict=True))
        assert pods(universe) == ["shop-web-0"]


async def test_a_replacement_of_a_stopped_set_stays_stopped() -> None:
    """A rollout that makes all Servers anew (Recreate) starts none of them."""
    async with Universe() as universe:
        rollout = {"strategy": "Recreate"}
        await open_shop(universe, 2, rollout=rollout)
        await act(universe, "night", "Stop")
        await universe.apply(shop(2, rollout=rollout, image="app:2"))
        await universe.settle()
        assert set(power(universe).values()) == {"Stopped"}
        assert pods(universe) == []
        await act(universe, "morning", "Start")
        images = {
            body["spec"]["containers"][0]["image"]
            for body in universe.server.objects[Resource.PODS].values()
        }
        assert images == {"app:2"}


async def test_a_start_of_some_leaves_the_others_remembered() -> None:
    """Of a stopped set, the ordinals that were started run when made anew; the others do not."""
    async with Universe() as universe:
        await open_shop(universe, 3)
        await act(universe, "night", "Stop")
        await act(universe, "first", "Start", servers="0")
        for name in WEB[:2]:
            await universe.delete(Resource.SERVERS, name)
        await universe.settle()
        assert pods(universe) == ["shop-web-0"]
        assert power(universe)["shop-web-1"] == "Stopped"


async def test_a_set_deleted_by_hand_comes_back_stopped() -> None:
    """The application remembers for a set that is gone, as it does its replicas."""
    async with Universe() as universe:
        await open_shop(universe, 2)
        await act(universe, "night", "Stop")
        await universe.delete(Resource.SERVERSETS, "shop-web")
        await universe.settle()
        assert power(universe) == dict.fromkeys(WEB[:2], "Stopped")
        assert pods(universe) == []


async def test_a_cancelled_stop_is_remembered_of_those_it_stopped_alone() -> None:
    """Servers that a cancelled Stop never reached, and later ones, run when they are made anew."""
    async with Universe() as universe:
        await open_shop(universe, 3)
        since = len(universe.server.writes)
        await universe.apply(operation("night", "shop", "Stop", concurrency=1))

        def first_stopped() -> bool:
            return any(
                write.resource is Resource.SERVERS
                and write.after is not None
                and write.after["spec"].get("power") == "Stopped"
                for write in universe.server.writes[since:]
            )

        await universe.until(first_stopped)
        await universe.merge(Resource.OPERATIONS, "night", {"spec": {"cancelled": True}})
        await universe.until(lambda: ended(universe, "night"))
        await universe.settle()
        stopped = [name for name, told in power(universe).items() if told == "Stopped"]
        assert 0 < len(stopped) < 3
        await universe.apply(shop(4))
        for name in WEB:
            await universe.delete(Resource.SERVERS, name)
        await universe.settle()
        assert [name for name, told in power(universe).items() if told == "Stopped"] == stopped
        assert len(pods(universe)) == 4 - len(stopped)


async def test_a_stopped_set_says_so_and_how_to_start_it() -> None:
    """Set and application name the stopped set in blockedBy, with the command that starts it."""
    async with Universe() as universe:
        await open_shop(universe, 2)
        await act(universe, "night", "Stop")
        for resource, name in (
            (Resource.SERVERSETS, "shop-web"),
            (Resource.APPLICATIONS, "shop"),
        ):
            (blocked,) = universe.get(resource, name)["status"]["blockedBy"]
            assert blocked["object"] == "ServerSet/shop-web"
            assert blocked["reason"] == "Stopped"
            assert "made later" in blocked["message"]
            assert blocked["remedy"] == "kubectl argosy start shop --component web -n default"
        await act(universe, "morning", "Start")
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        assert not universe.get(Resource.SERVERSETS, "shop-web")["status"].get("blockedBy")


async def test_a_rollout_of_a_stopped_set_adds_no_spare_servers() -> None:
    """A stopped server needs no stand-in: with maxSurge a stopped set keeps its number."""
    async with Universe() as universe:
        rollout = {"maxSurge": 1, "maxUnavailable": 1}
        await open_shop(universe, 2, rollout=rollout)
        await act(universe, "night", "Stop")
        since = len(universe.server.writes)
        await universe.apply(shop(2, rollout=rollout, image="app:2"))
        await universe.settle()
        made = [
            write.name
            for write in universe.server.writes[since:]
            if write.resource is Resource.SERVERS and write.cause.verb == "create"
        ]
        assert made == []
        assert power(universe) == dict.fromkeys(WEB[:2], "Stopped")


async def test_a_server_made_while_a_stop_begins_is_stopped_with_the_others() -> None:
    """Scaling up in the very moment of a Stop leaves no server that runs by oversight."""
    async with Universe() as universe:
        await open_shop(universe, 2)
        await universe.apply(operation("night", "shop", "Stop"))
        await universe.apply(shop(4))
        await universe.until(lambda: ended(universe, "night"))
        await universe.settle()
        assert set(power(universe).values()) == {"Stopped"}
        assert len(power(universe)) == 4
        assert pods(universe) == []


async def test_steps_that_end_with_a_stop_are_remembered_too() -> None:
    """Steps leave servers as their last Stop or Start does, and so are those made later."""
    async with Universe() as universe:
        await open_shop(universe, 2)
        await act(universe, "down", "Steps", steps=[{"name": "rest", "action": "Stop"}])
        await universe.apply(shop(3))
        await universe.settle()
        assert pods(universe) == []
        cycle = [{"name": "rest", "action": "Stop"}, {"name": "up", "action": "Start"}]
        await act(universe, "cycle", "Steps", steps=cycle)
        assert pods(universe) == list(WEB)
        await universe.apply(shop(4))
        await universe.settle()
        assert len(pods(universe)) == 4


async def test_a_stopped_server_holds_no_surplus_one() -> None:
    """It is down because somebody wants it so: scaling down does not wait for it."""
    rollout = {"maxUnavailable": 0, "maxSurge": 1}
    async with Universe() as universe:
        await open_shop(universe, 4, rollout=rollout)
        await act(universe, "rest", "Stop", servers="0", concurrency=1)
        await universe.apply(shop(2, rollout=rollout))
        await universe.settle()
        assert universe.names(Resource.SERVERS) == ["shop-web-0", "shop-web-1"]
        assert pods(universe) == ["shop-web-1"]

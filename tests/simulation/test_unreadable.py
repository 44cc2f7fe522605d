"""An object that cannot be read whole is its own trouble: told on it, and it can still go."""

from __future__ import annotations

from typing import Any

import pytest
from structlog import testing

from controller.api import objects
from controller.api.resources import Resource
from fakes.universe import Universe, application, component, operation

pytestmark = pytest.mark.looptime
ALL = (Resource.APPLICATIONS, Resource.SERVERSETS, Resource.SERVERS, Resource.PODS)


def deep(levels: int) -> Any:
    """Return a value nested so deep: as the API server holds it, however it came there."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def reason(universe: Universe, resource: Resource, name: str) -> Any:
    """Return why the object is stalled; None if it is not."""
    return universe.condition(resource, name, "Stalled").get("reason")


async def deepen(universe: Universe, levels: int = 300) -> None:
    """Have the template of shop's component be nested too deep."""
    body = application("shop", component("web", 2))
    body["spec"]["components"][0]["template"]["spec"]["odd"] = deep(levels)
    await universe.merge(Resource.APPLICATIONS, "shop", {"spec": body["spec"]})


async def test_a_deep_application_is_told_and_others_go_on() -> None:
    """It says Malformed and which field, the log names it, its neighbour becomes ready."""
    async with Universe() as universe:
        body = application("deep", component("web", 2))
        body["spec"]["components"][0]["template"]["spec"]["odd"] = deep(300)
        with testing.capture_logs() as logs:
            await universe.apply(body)
            await universe.apply(application("shop", component("web", 2)))
            await universe.settle()
        found = universe.condition(Resource.APPLICATIONS, "deep", "Stalled")
        assert found["reason"] == "Malformed"
        assert "100 levels" in found["message"]
        assert "components[0]" in found["message"]
        named = [each for each in logs if each["event"] == "object not understood"]
        assert [each["key"] for each in named] == [("default", "deep")]
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        assert universe.names(Resource.SERVERS) == ["shop-web-0", "shop-web-1"]
        await universe.delete(Resource.APPLICATIONS, "deep")
        await universe.settle()
        assert universe.names(Resource.APPLICATIONS) == ["shop"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_application_that_became_deep_keeps_its_servers_and_can_go(
    *, restarted: bool
) -> None:
    """Servers run on as they are; put right, it is Ready again; deleted, all of it goes."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        pods = {name: universe.get(Resource.PODS, name) for name in universe.names(Resource.PODS)}
        await deepen(universe)
        await universe.settle()
        if restarted:
            await universe.crash()
            await universe.settle()
        assert reason(universe, Resource.APPLICATIONS, "shop") == "Malformed"
        assert pods == {name: universe.get(Resource.PODS, name) for name in pods}
        await universe.merge(
            Resource.APPLICATIONS, "shop",
            {"spec": application("shop", component("web", 2))["spec"]},
        )  # fmt: skip
        await universe.settle()
        assert reason(universe, Resource.APPLICATIONS, "shop") is None
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        await deepen(universe)
        await universe.settle()
        if restarted:
            await universe.crash()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle()
        assert [universe.names(each) for each in ALL] == [[], [], [], []]


async def test_an_operation_goes_on_over_an_application_that_cannot_be_read() -> None:
    """An application that is there but too deep is not taken for one that was deleted."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        await deepen(universe)
        await universe.settle()
        await universe.crash()
        await universe.apply(operation("again", "shop", "Restart"))
        await universe.settle(quiet=30)
        found = universe.condition(Resource.OPERATIONS, "again", "Succeeded")
        assert found["reason"] != "ApplicationDeleted"


@pytest.mark.parametrize("resource", [Resource.SERVERSETS, Resource.SERVERS])
async def test_what_was_made_and_edited_by_hand_does_not_block_a_teardown(
    resource: Resource,
) -> None:
    """A set or server whose template somebody made too deep goes with its application."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        name = universe.names(resource)[0]
        spec = {"spec": {"template": {"spec": {"odd": deep(300)}}}}
        await universe.merge(resource, name, spec)
        await universe.crash()
        await universe.settle()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle()
        assert [universe.names(each) for each in ALL] == [[], [], [], []]


async def test_a_server_under_another_name_is_nobodys() -> None:
    """Where no policy refuses it: told on it, nothing made of it, and its set goes its own way."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        like = universe.get(Resource.SERVERS, "shop-web-0")
        meta = {key: like["metadata"][key] for key in ("labels", "ownerReferences")}
        stray = {**like, "metadata": {"name": "stray", **meta}}
        await universe.server.apply(
            Resource.SERVERS, "default", "stray", stray, field_manager="user"
        )
        await universe.settle()
        told = universe.condition(Resource.SERVERS, "stray", "Stalled")
        assert told["reason"] == "Malformed"
        assert "metadata.name must be shop-web-0" in told["message"]
        await universe.crash()
        await universe.apply(application("shop", component("web", 3)))
        await universe.settle()
        assert universe.names(Resource.PODS) == ["shop-web-0", "shop-web-1", "shop-web-2"]
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.settle()
        assert [universe.names(each) for each in ALL] == [[], [], [], []]


@pytest.mark.parametrize("owned", [False, True])
async def test_a_server_under_a_name_that_is_wanted_is_told_and_makes_room(*, owned: bool) -> None:
    """The set says whose name it waits for, takes nothing up, and goes on once that has gone."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        like = universe.get(Resource.SERVERS, "shop-web-0")
        labels = {**like["metadata"]["labels"], "argosy.dev/server": "shop-web-2"}
        meta = {"name": "shop-web-2", "labels": labels}
        if owned:
            meta["ownerReferences"] = like["metadata"]["ownerReferences"]
        await universe.server.apply(
            Resource.SERVERS, "default", "shop-web-2", {**like, "metadata": meta},
            field_manager="user",
        )  # fmt: skip
        await universe.apply(application("shop", component("web", 3)))
        await universe.settle()
        (waits,) = universe.get(Resource.SERVERSETS, "shop-web")["status"]["blockedBy"]
        assert (waits["object"], waits["reason"]) == ("Server/shop-web-2", "NameTaken")
        assert "metadata.name must be shop-web-0" in waits["message"]
        stray = universe.get(Resource.SERVERS, "shop-web-2")
        assert ("ownerReferences" in stray["metadata"]) is owned
        before = len(universe.server.writes)
        await universe.crash()
        await universe.settle()
        told = universe.get(Resource.SERVERS, "shop-web-2")["status"]
        assert told == stray["status"]
        assert told["observedGeneration"] == stray["metadata"]["generation"]
        assert Resource.SERVERS not in {each.resource for each in universe.server.writes[before:]}
        await universe.delete(Resource.SERVERS, "shop-web-2")
        await universe.until(
            lambda: (
                universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
                and "shop-web-2" in universe.names(Resource.PODS)
            )
        )


async def test_an_operation_too_deep_is_told_and_can_go() -> None:
    """Parameters of a step are bounded as templates are."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 1)))
        step = {"name": "job", "job": {"template": deep(300)}}
        await universe.apply(operation("act", "shop", "Steps", steps=[step]))
        await universe.settle()
        assert reason(universe, Resource.OPERATIONS, "act") == "Malformed"
        assert universe.condition(Resource.APPLICATIONS, "shop")["status"] == "True"
        await universe.delete(Resource.OPERATIONS, "act")
        await universe.settle()
        assert universe.names(Resource.OPERATIONS) == []


async def test_as_deep_as_allowed_goes_all_the_way() -> None:
    """A template of the greatest depth becomes a revision, a set, servers and their pods."""
    async with Universe() as universe:
        body = application("shop", component("web", 1))
        body["spec"]["components"][0]["template"]["spec"]["odd"] = deep(98)
        await universe.apply(body)
        await universe.settle()
        assert universe.names(Resource.PODS) == ["shop-web-0"]
        engine = universe.process
        for resource, watched in engine.caches.informers.items():
            assert not watched.malformed, resource
        assert ("default", "shop-web-0") in engine.caches.informer(objects.Pod).objects

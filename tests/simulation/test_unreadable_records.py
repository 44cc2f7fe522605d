"""Records that make no sense: told on whose they are, nothing crashes, and all of it can go."""

from __future__ import annotations

from typing import Any

import pytest
from structlog import testing

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
ALL = (
    Resource.APPLICATIONS,
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.PODS,
    Resource.REVISIONS,
)


def deep(levels: int) -> Any:
    """Return a value nested so deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def ready(universe: Universe, name: str) -> bool:
    """Return whether an application is Ready."""
    return bool(universe.condition(Resource.APPLICATIONS, name).get("status") == "True")


def revise(universe: Universe, data: Any) -> None:
    """Write something else into all records of shop, as who may write ControllerRevisions can."""
    for (namespace, name), body in dict(universe.server.objects[Resource.REVISIONS]).items():
        if body["metadata"]["labels"]["argosy.dev/application"] == "shop":
            universe.server.registry.patch(
                Resource.REVISIONS, namespace, name, {"data": data}, actor="person"
            )


NONSENSE = pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        [1, 2],
        {"template": None},
        {"template": "text"},
        {"template": {"spec": {"containers": "none"}}},
        {"template": {"spec": deep(300)}},
        {"template": {"spec": {}}, "volumeClaims": "x", "recovery": []},
        {"recovery": {"alternatives": [{"patch": deep(200)}]}},
    ],
    ids=["null", "text", "list", "none", "words", "containers", "deep", "claims", "alternatives"],
)


@NONSENSE
@pytest.mark.parametrize("restarted", [False, True])
async def test_records_that_make_no_sense_stop_nobody(*, data: Any, restarted: bool) -> None:
    """What runs, runs on; a neighbour comes up; no traceback; all of it can go."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        pods = {name: universe.get(Resource.PODS, name) for name in universe.names(Resource.PODS)}
        with testing.capture_logs() as logs:
            revise(universe, data)
            await universe.settle(quiet=90)
            if restarted:
                await universe.crash()
                await universe.settle(quiet=90)
            await universe.apply(application("other", component("web", 1)))
            await universe.settle()
        assert ready(universe, "other")
        assert not [each for each in logs if each["event"] == "planning failed"]
        for name, before in pods.items():
            assert universe.get(Resource.PODS, name)["metadata"]["uid"] == before["metadata"]["uid"]
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.delete(Resource.APPLICATIONS, "other")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert [universe.names(each) for each in ALL] == [[]] * len(ALL)


@NONSENSE
async def test_a_new_template_comes_up_beside_records_that_make_no_sense(data: Any) -> None:
    """The application says what it wants: old records are in nobody's way."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        revise(universe, data)
        await universe.apply(application("shop", component("web", 2, image="app:2")))
        await universe.settle(quiet=90)
        images = {
            universe.get(Resource.PODS, name)["spec"]["containers"][0]["image"]
            for name in universe.names(Resource.PODS)
        }
        assert images == {"app:2"}
        assert ready(universe, "shop")


@pytest.mark.parametrize(
    "spec",
    [
        {"incarnation": "x"},
        {"ordinal": None},
        {"fleet": []},
        {"task": {"id": 7}},
        {"task": {"id": "x", "operation": "y", "parameters": deep(300)}},
    ],
    ids=["incarnation", "ordinal", "fleet", "task", "parameters"],
)
async def test_a_server_that_cannot_be_read_is_told_and_goes(spec: Any) -> None:
    """It says Malformed, or is put right; its sibling and its neighbours are Ready; it can go."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 2)))
        await universe.settle()
        universe.server.registry.patch(
            Resource.SERVERS, "default", "shop-web-0", {"spec": spec}, actor="person"
        )
        await universe.apply(application("other", component("web", 1)))
        await universe.settle(quiet=90)
        told = universe.condition(Resource.SERVERS, "shop-web-0", "Stalled").get("reason")
        well = universe.condition(Resource.SERVERS, "shop-web-0").get("status") == "True"
        assert told in ("Malformed", "InternalError") or well
        assert universe.condition(Resource.SERVERS, "shop-web-1")["status"] == "True"
        assert ready(universe, "other")
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: universe.names(Resource.APPLICATIONS) == ["other"])
        await universe.settle()
        assert universe.names(Resource.PODS) == ["other-web-0"]

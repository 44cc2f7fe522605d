"""`plan` tells which names are taken, by whom, and what would wait for them."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from controller.presentation import preview
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime

NOW = 1_790_000_000.0


async def notes(
    universe: Universe, *parts: Any, name: str = "shop", fleet: str = "pods"
) -> list[str]:
    """Return what a preview of an application notes of names that are taken."""
    body = application(name, *parts, fleet=fleet)
    found = await preview.read(universe.server, "default", body, NOW)
    return [each for each in found.notes if "NameTaken" in each]


async def test_a_set_of_another_application_is_told_before_anything_is_applied() -> None:
    """shop-es/data and shop/es-data give one name; who comes second waits, as it is then told."""
    async with Universe() as universe:
        await universe.apply(application("shop-es", component("data", 2)))
        await universe.until(lambda: universe.is_ready("shop-es"))
        (told,) = await notes(universe, component("es-data", 2))
        assert told.startswith("ServerSet/shop-es-data is of application shop-es")
        assert not await notes(universe, component("data", 3), name="shop-es")
        await universe.apply(application("shop", component("es-data", 2)))
        await universe.until(
            lambda: universe.condition(Resource.APPLICATIONS, "shop").get("reason") == "NameTaken"
        )


async def test_a_pod_of_a_servers_name_is_told_unless_it_would_be_taken_up() -> None:
    """Somebody's own pod stays; what Argosy let go of, or `adopt` names, is in nobody's way."""
    async with Universe() as universe:
        pod = {"metadata": {"name": "shop-web-1"}, "spec": {"containers": [{"name": "a"}]}}
        await universe.server.create(Resource.PODS, "default", pod)
        (told,) = await notes(universe, component("web", 2))
        assert told.startswith("Pod/shop-web-1 is not Argosy's")
        adopt: dict[str, Any] = {"adopt": {"kind": "StatefulSet", "name": "shop-web"}}
        assert not await notes(universe, component("web", 2, **adopt))
        labels = {"metadata": {"labels": {"argosy.dev/application": "shop"}}}
        await universe.merge(Resource.PODS, "shop-web-1", labels)
        assert not await notes(universe, component("web", 2))


async def test_a_pod_is_in_the_way_of_no_machine() -> None:
    """Servers of a fleet that makes no pods have no names in the cluster that could be taken."""
    async with Universe() as universe:
        pod = {"metadata": {"name": "shop-web-1"}, "spec": {"containers": [{"name": "a"}]}}
        await universe.server.create(Resource.PODS, "default", pod)
        for name, provider in (("metal", "memory"), ("edge", "pod")):
            body = {"metadata": {"name": name}, "spec": {"provider": provider}}
            await universe.server.create(Resource.FLEETS, "", body)
        assert not await notes(universe, component("web", 2), fleet="metal")
        assert len(await notes(universe, component("web", 2), fleet="edge")) == 1


async def test_pods_are_asked_for_of_fifty_servers() -> None:
    """A preview of thousands asks the API server for no more than the first fifty."""
    async with Universe() as universe:
        for number in (49, 50):
            metadata = {"name": f"shop-web-{number}"}
            pod = {"metadata": metadata, "spec": {"containers": [{"name": "a"}]}}
            await universe.server.create(Resource.PODS, "default", pod)
        (told,) = await notes(universe, component("web", 60))
        assert told.startswith("Pod/shop-web-49 ")

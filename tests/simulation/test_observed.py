"""An application that is only observed: nothing outside Argosy's own kinds is written for it."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import PLACES, Resource
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime

OBSERVE: dict[str, Any] = {"spec": {"management": "Observe"}}
FULL: dict[str, Any] = {"spec": {"management": "Full"}}


def shop(replicas: int = 2, image: str = "app:1", **spec: Any) -> Json:
    """Return an application of one component."""
    return application("shop", component("web", replicas, image=image), **spec)


def outside(universe: Universe, since: int) -> list[str]:
    """Return what the operator has written outside Argosy's own kinds since then."""
    return [
        f"{each.cause.verb} {each.resource}/{each.name}"
        for each in universe.server.writes[since:]
        if each.cause.actor == "argosy" and PLACES[each.resource].api_version != names.API_VERSION
    ]


async def test_a_new_application_is_told_and_nothing_is_made() -> None:
    """It says that it is observed; managed later, it comes up as ever."""
    async with Universe() as universe:
        began = len(universe.server.writes)
        await universe.apply(shop(management="Observe"))
        await universe.settle(quiet=60)
        assert outside(universe, began) == []
        assert not universe.names(Resource.PODS) + universe.names(Resource.EVENTS)
        told = universe.condition(Resource.APPLICATIONS, "shop")
        assert (told["status"], told["reason"]) == ("False", "Observed")
        await universe.merge(Resource.APPLICATIONS, "shop", FULL)
        await universe.until(universe.is_ready)


async def test_what_runs_is_watched_and_left_as_it_is() -> None:
    """Whatever changes: the template, the number, a pod that goes, a label, an operation, a crash.

    All of it is told, or waits, and is made good once the application is managed again.
    """
    async with Universe() as universe:
        await universe.apply(shop(3))
        await universe.until(universe.is_ready)
        await universe.settle()
        await universe.merge(Resource.APPLICATIONS, "shop", OBSERVE)
        await universe.settle()
        began = len(universe.server.writes)
        await universe.apply(shop(5, "app:2", management="Observe"))
        await universe.delete(Resource.PODS, "shop-web-0")
        labels = {"metadata": {"labels": {names.COMPONENT_LABEL: "other"}}}
        await universe.merge(Resource.PODS, "shop-web-1", labels)
        await universe.delete(Resource.SERVICES, "shop-web")
        await universe.apply(operation("again", "shop", "Restart"))
        universe.kubelet.unready("default", "shop-web-2")
        await universe.settle(quiet=60)
        await universe.crash()
        await universe.settle(quiet=900)
        # The test's own, which the server does not tell apart.
        assert outside(universe, began) == ["delete pods/shop-web-0", "delete services/shop-web"]
        assert universe.names(Resource.PODS) == ["shop-web-1", "shop-web-2"]
        assert universe.condition(Resource.SERVERS, "shop-web-0")["status"] == "False"
        assert universe.condition(Resource.OPERATIONS, "again", "Succeeded")["reason"] == "Observed"
        universe.kubelet.ready("default", "shop-web-2")
        await universe.merge(Resource.APPLICATIONS, "shop", FULL)
        await universe.until(
            lambda: universe.is_ready() and len(universe.names(Resource.PODS)) == 5
        )
        images = {
            universe.get(Resource.PODS, each)["spec"]["containers"][0]["image"]
            for each in universe.names(Resource.PODS)
        }
        assert images == {"app:2"}


async def test_a_server_that_is_deleted_keeps_its_pod() -> None:
    """It says why it does not go; managed again, it goes and comes back."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.merge(Resource.APPLICATIONS, "shop", OBSERVE)
        await universe.settle()
        began = len(universe.server.writes)
        await universe.delete(Resource.SERVERS, "shop-web-1")
        await universe.settle(quiet=60)
        assert outside(universe, began) == []
        assert universe.names(Resource.PODS) == ["shop-web-0", "shop-web-1"]
        (told,) = universe.get(Resource.SERVERS, "shop-web-1")["status"]["blockedBy"]
        assert told["reason"] == "Observed"
        await universe.merge(Resource.APPLICATIONS, "shop", FULL)
        await universe.until(
            lambda: universe.is_ready() and len(universe.names(Resource.SERVERS)) == 2
        )


async def test_a_delete_of_the_application_runs_all_the_same() -> None:
    """Whoever deletes it wants gone what Argosy made for it."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.merge(Resource.APPLICATIONS, "shop", OBSERVE)
        await universe.settle()
        await universe.delete(Resource.APPLICATIONS, "shop")
        await universe.until(lambda: not universe.names(Resource.APPLICATIONS))
        await universe.settle()
        assert not universe.names(Resource.PODS)

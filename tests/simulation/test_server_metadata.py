"""Labels and annotations that a policy demands are on all that is kept for servers."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names
from controller.api.resources import Resource
from fakes.api_server import Faults
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
Json = dict[str, Any]

ASKED: Json = {"labels": {"team": "shop"}, "annotations": {"cost.example.com/centre": "7"}}
BELOW = (
    Resource.SERVERSETS,
    Resource.SERVERS,
    Resource.REVISIONS,
    Resource.DISRUPTION_BUDGETS,
)


def shop(metadata: Json | None = None, *, image: str = "app:1") -> Json:
    """Return an application of three servers with that metadata."""
    return application("shop", component("web", 3, image=image, serverMetadata=metadata))


def marks(universe: Universe, resource: Resource, name: str) -> Json:
    """Return the labels and annotations of an object."""
    meta = universe.get(resource, name)["metadata"]
    return {each: meta.get(each, {}) for each in ("labels", "annotations")}


def bears(universe: Universe, resource: Resource, name: str) -> bool:
    """Return whether an object has what was asked for."""
    found = marks(universe, resource, name)
    return all(ASKED[each].items() <= found[each].items() for each in ASKED)


async def test_all_that_is_kept_for_servers_bears_what_is_asked_for() -> None:
    """From their making, so a policy lets each pass; and no server costs a write more."""
    written = []
    for asked in (None, ASKED):
        async with Universe(faults=Faults()) as universe:
            await universe.bring_up(shop(asked))
            written.append(len(universe.server.writes))
            for resource in BELOW:
                found = universe.names(resource)
                assert found
                assert [bears(universe, resource, each) for each in found] == [bool(asked)] * len(
                    found
                )
    assert written[0] == written[1]


async def test_servers_that_are_there_get_it_with_the_next_rollout() -> None:
    """A change of it writes the set, and no server; a rollout writes each anyway."""
    async with Universe(faults=Faults()) as universe:
        await universe.bring_up(shop())
        before = len(universe.server.writes)
        await universe.bring_up(shop(ASKED))
        touched = {each.resource for each in universe.server.writes[before:]}
        assert Resource.SERVERS not in touched
        assert bears(universe, Resource.SERVERSETS, "shop-web")
        await universe.bring_up(shop(ASKED, image="app:2"))
        assert all(
            bears(universe, Resource.SERVERS, each) for each in universe.names(Resource.SERVERS)
        )


async def test_what_argosy_knows_things_by_is_never_taken_by_it() -> None:
    """Labels of the recommended set that are asked for lose, too: nothing is fought over."""
    asked = {"labels": {"app.kubernetes.io/managed-by": "me", "team": "shop"}}
    async with Universe(faults=Faults()) as universe:
        await universe.bring_up(shop(asked))
        found = marks(universe, Resource.SERVERS, "shop-web-0")["labels"]
        assert found.items() >= names.labels("shop", "web", "shop-web-0").items()
        assert found["team"] == "shop"
        before = len(universe.server.writes)
        await universe.bring_up(shop(asked, image="app:2"))
        await universe.settle(quiet=60)
        rest = len(universe.server.writes)
        await universe.settle(quiet=60)
        assert before < rest == len(universe.server.writes)

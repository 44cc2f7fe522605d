"""A forecast says what then comes: kinds gather and plan in it as they do afterwards."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.presentation import forecast
from controller.presentation.forecast import Effect, Forecast
from tests.kinds.rehearsal import Rehearsal, component

Servers = dict[str, objects.Server]


def running(*components: dict[str, Any]) -> Rehearsal:
    """Return a world in which these components have come up."""
    world = Rehearsal()
    world.apply("shop", *components)
    world.run()
    return world


def foretold(world: Rehearsal) -> Forecast:
    """Return what would come of the application as it is applied now."""
    return forecast.forecast(world.sources, world.get(objects.Application, "shop"), world.now)


def touched(told: Forecast, *effects: Effect) -> set[str]:
    """Return the servers on which that is said to be done."""
    steps = itertools.chain.from_iterable(told.steps)
    return {name for each in steps if each.effect in effects for name in each.servers}


def web(image: str, replicas: int = 4, **more: Any) -> dict[str, Any]:
    """Return the component that is changed."""
    return component("web", image, replicas, **more)


@pytest.mark.parametrize(
    "after",
    [
        (web("web:v2"),),
        (web("web:v2", rollout={"inPlace": "Never", "maxUnavailable": 2}),),
        (web("web:v2", rollout={"strategy": "Recreate"}),),
        (web("web:v2", rollout={"partition": 2}),),
        (web("web:v1", 6),),
        (web("web:v1", 1),),
        (component("shop", "web:v1", 2),),
        (web("web:v1"), component("db", "db:v1", 2)),
        (web("web:v1", service={"type": "None"}),),
    ],
)
def test_what_is_foretold_comes(after: tuple[dict[str, Any], ...]) -> None:
    """Whoever is said to be made, made anew, changed or deleted is; and nobody else."""
    world = running(web("web:v1"))
    before = world.all(objects.Server)
    world.apply("shop", *after)
    told = foretold(world)
    assert told.finished
    world.run(seconds=300)
    now = world.all(objects.Server)
    same = now.keys() & before.keys()
    remade = {each for each in same if uid(now, each) != uid(before, each)}
    assert touched(told, Effect.CREATE) == (now.keys() - before.keys()) | remade
    assert touched(told, Effect.DELETE) == (before.keys() - now.keys()) | remade
    assert touched(told, Effect.REPLACE) == {
        each for each in same if now[each].spec.incarnation > before[each].spec.incarnation
    }
    assert touched(told, Effect.CHANGE) == {
        each
        for each in same - remade - touched(told, Effect.REPLACE)
        if now[each].spec.revision != before[each].spec.revision
    }


def uid(servers: Servers, name: str) -> str:
    """Return which server it is that has the name."""
    return servers[name].metadata.uid


def test_a_component_without_a_service_is_foretold_to_its_end() -> None:
    """A Service that there is not to be is not deleted over and over."""
    world = running(web("web:v1", service={"type": "None"}))
    told = foretold(world)
    assert (told.finished, told.steps) == (True, ())


def test_a_server_that_was_let_go_of_is_taken_up_and_not_made() -> None:
    """It runs, and nothing is done to it: so the set does when it plans."""
    world = running(web("web:v1"))
    before = world.all(objects.Server)
    world.edit(Resource.SERVERS, "shop-web-1", {"metadata": {"ownerReferences": []}})
    assert foretold(world).steps == ()
    world.run()
    assert uid(world.all(objects.Server), "shop-web-1") == uid(before, "shop-web-1")

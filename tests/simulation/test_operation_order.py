"""Operations on several components: each within its own budget, in the order of dependsOn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from controller.api.resources import Resource
from fakes.universe import Json, Universe, application, component, operation

pytestmark = pytest.mark.looptime


def shop() -> Json:
    """Return an application whose web needs its db: three and six servers, of each one may go."""
    rollout = {"maxUnavailable": 1}
    return application(
        "shop",
        component("db", 3, rollout=rollout),
        component("web", 6, rollout=rollout, dependsOn=["db"]),
    )


def is_ready(universe: Universe) -> bool:
    """Return whether the application says that it is Ready."""
    return universe.condition(Resource.APPLICATIONS, "shop").get("status") == "True"


def has_ended(universe: Universe, name: str) -> bool:
    """Return whether the operation came to a good end."""
    return universe.condition(Resource.OPERATIONS, name, "Succeeded").get("status") == "True"


def taken_down(universe: Universe, since: int) -> list[str]:
    """Return the pods that were deleted, in order."""
    return [
        write.name
        for write in universe.server.writes[since:]
        if write.resource is Resource.PODS and write.cause.verb == "delete" and write.after
    ]


def most_down(universe: Universe, since: int, part: str) -> int:
    """Return how many servers of a component were down at once, at worst, by what was asked."""
    down: dict[str, bool] = {}
    most = 0
    for write in universe.server.writes[since:]:
        if write.resource is Resource.SERVERS and write.after is not None:
            spec, status = write.after["spec"], write.after.get("status", {})
            down[write.name] = spec["incarnation"] != status.get("incarnation")
            most = max(most, sum(down[each] for each in down if f"-{part}-" in each))
    return most


def in_order(names: Sequence[str], first: str) -> bool:
    """Return whether all names of the component `first` stand before all others."""
    kinds = [f"-{first}-" in each for each in names]
    return kinds == sorted(kinds, reverse=True)


async def test_a_restart_of_everything_keeps_each_component_within_its_budget() -> None:
    """By default never more than maxUnavailable of a component is down, and db goes before web."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(lambda: is_ready(universe))
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("again", "shop", "Restart"))
        await universe.until(lambda: has_ended(universe, "again"))
        assert most_down(universe, since, "db") == 1
        assert most_down(universe, since, "web") == 1
        deleted = taken_down(universe, since)
        assert len(set(deleted)) == 9
        assert in_order(deleted, "db")


async def test_a_stop_goes_against_the_order() -> None:
    """What depends is stopped before what it depends on, whatever the concurrency."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(lambda: is_ready(universe))
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("rest", "shop", "Stop", concurrency="100%"))
        await universe.until(lambda: has_ended(universe, "rest"))
        deleted = taken_down(universe, since)
        assert len(set(deleted)) == 9
        assert in_order(deleted, "web")


async def test_a_server_that_is_down_is_replaced_first_and_costs_nothing() -> None:
    """One that never comes up holds up nobody: it goes first, beside one that works."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(lambda: is_ready(universe))
        await universe.settle()
        universe.kubelet.unready("default", "shop-web-4")
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("anew", "shop", "Replace", components=["web"]))
        await universe.until(lambda: has_ended(universe, "anew"))
        assert taken_down(universe, since)[0] == "shop-web-4"

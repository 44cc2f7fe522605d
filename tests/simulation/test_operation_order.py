"""Operations on several components: each within its own budget, in the order of dependsOn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from controller.api.resources import Resource
from controller.kube.api import ExecResult
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
        await universe.until(universe.is_ready)
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
        await universe.until(universe.is_ready)
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("rest", "shop", "Stop", concurrency="100%"))
        await universe.until(lambda: has_ended(universe, "rest"))
        deleted = taken_down(universe, since)
        assert len(set(deleted)) == 9
        assert in_order(deleted, "web")


async def test_a_start_goes_in_order_and_no_rollout_was_missed() -> None:
    """Db comes up at the new revision, web after it, which was waiting for db and changes then."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.apply(operation("night", "shop", "Stop", concurrency="100%"))
        await universe.until(lambda: has_ended(universe, "night"))
        newer = shop()
        for part in newer["spec"]["components"]:
            part["template"]["spec"]["containers"][0]["image"] = "app:2"
        await universe.apply(newer)
        await universe.settle()
        assert universe.names(Resource.PODS) == []
        since = len(universe.server.writes)
        await universe.apply(operation("morning", "shop", "Start", concurrency="100%"))
        await universe.until(lambda: has_ended(universe, "morning") and universe.is_ready())
        made = {
            write.name: image_of(write.after)
            for write in universe.server.writes[since:]
            if write.resource is Resource.PODS and write.after and write.before is None
        }
        assert len(made) == 9
        assert in_order(list(made), "db")
        assert {image for name, image in made.items() if "-db-" in name} == {"app:2"}
        now = [universe.get(Resource.PODS, each) for each in universe.names(Resource.PODS)]
        assert {image_of(each) for each in now} == {"app:2"}


def image_of(pod: Json) -> str:
    """Return the image that a pod runs."""
    return str(pod["spec"]["containers"][0]["image"])


async def test_a_server_that_is_down_is_replaced_first_and_costs_nothing() -> None:
    """One that never comes up holds up nobody: it goes first, beside one that works."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        universe.kubelet.unready("default", "shop-web-4")
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("anew", "shop", "Replace", components=["web"]))
        await universe.until(lambda: has_ended(universe, "anew"))
        assert taken_down(universe, since)[0] == "shop-web-4"


async def test_servers_that_are_down_cost_nothing_however_many_they_are() -> None:
    """Two are ill where one may be down: both are made anew, and before any that works."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        for number in (2, 4):
            universe.kubelet.unready("default", f"shop-web-{number}")
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("anew", "shop", "Replace", components=["web"]))
        await universe.until(lambda: has_ended(universe, "anew"))
        deleted = taken_down(universe, since)
        assert set(deleted[:2]) == {"shop-web-2", "shop-web-4"}
        assert len(set(deleted)) == len(deleted) == 6


async def test_a_stop_of_some_goes_against_what_is_needed_through_others() -> None:
    """The component between them is not the operation's, and orders it all the same."""
    async with Universe() as universe:
        await universe.apply(
            application(
                "shop",
                component("db", 3),
                component("cache", 1, dependsOn=["db"]),
                component("web", 3, dependsOn=["cache"]),
            )
        )
        await universe.until(universe.is_ready)
        await universe.settle()
        since = len(universe.server.writes)
        wanted = operation("rest", "shop", "Stop", components=["db", "web"], concurrency="100%")
        await universe.apply(wanted)
        await universe.until(lambda: has_ended(universe, "rest"))
        deleted = taken_down(universe, since)
        assert len(set(deleted)) == 6
        assert in_order(deleted, "web")


async def test_losses_are_a_share_of_each_component() -> None:
    """A quarter of three is none: the first loss in db halts it, however many web has."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()

        async def run(_namespace: str, pod: str, _command: Sequence[str]) -> ExecResult:
            return ExecResult(exit_code=int(pod == "shop-db-1"))

        universe.server.on_exec = run
        step = {"name": "act", "exec": {"command": ["act"]}, "timeoutSeconds": 60}
        more: Json = {"steps": [step], "failureBudget": "25%", "recovery": {"attempts": 1}}
        await universe.apply(operation("act", "shop", "Steps", concurrency=1, **more))
        await universe.settle(quiet=60)
        found = universe.condition(Resource.OPERATIONS, "act", "Succeeded")
        assert (found["status"], found["reason"]) == ("False", "Failed")
        assert "1 server of db failed, more than the failureBudget of 0" in found["message"]


async def test_operations_on_different_servers_share_the_limit_of_a_component() -> None:
    """Two restarts go on at the same time, and never have more down than one of them may."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        since = len(universe.server.writes)
        for name, servers in (("low", "0-2"), ("high", "3-5")):
            await universe.apply(
                operation(name, "shop", "Restart", components=["web"], servers=servers)
            )
        await universe.until(lambda: has_ended(universe, "low") and has_ended(universe, "high"))
        assert most_down(universe, since, "web") == 1
        deleted = taken_down(universe, since)
        assert len(set(deleted)) == len(deleted) == 6


async def test_an_operation_leaves_a_server_that_is_down_beside_it_its_place() -> None:
    """What is ill and not its own uses the only place: it says so, and goes on when that is up."""
    async with Universe() as universe:
        await universe.apply(shop())
        await universe.until(universe.is_ready)
        await universe.settle()
        universe.kubelet.unready("default", "shop-web-4")
        await universe.settle()
        since = len(universe.server.writes)
        wanted = operation("again", "shop", "Restart", components=["web"], servers="0-1")
        await universe.apply(wanted)
        await universe.settle()
        assert taken_down(universe, since) == []
        waits = universe.get(Resource.OPERATIONS, "again")["status"]["blockedBy"]
        assert [each["object"] for each in waits] == ["Server/shop-web-4"]
        universe.kubelet.ready("default", "shop-web-4")
        await universe.until(lambda: has_ended(universe, "again"))
        assert set(taken_down(universe, since)) == {"shop-web-0", "shop-web-1"}


async def test_a_component_that_lets_no_server_be_down_is_named_by_what_waits_for_it() -> None:
    """With maxUnavailable 0 an operation begins nothing, and says what would let it."""
    async with Universe() as universe:
        rollout = {"maxUnavailable": 0, "maxSurge": 1}
        await universe.apply(application("shop", component("web", 2, rollout=rollout)))
        await universe.until(universe.is_ready)
        await universe.settle()
        since = len(universe.server.writes)
        await universe.apply(operation("again", "shop", "Restart"))
        await universe.settle()
        assert taken_down(universe, since) == []
        (waits,) = universe.get(Resource.OPERATIONS, "again")["status"]["blockedBy"]
        assert waits["object"] == "ServerSet/shop-web"
        assert "maxUnavailable is 0" in waits["message"]
        rollout = {"maxUnavailable": 1, "maxSurge": 1}
        await universe.apply(application("shop", component("web", 2, rollout=rollout)))
        await universe.until(lambda: has_ended(universe, "again"))
        assert set(taken_down(universe, since)) == {"shop-web-0", "shop-web-1"}

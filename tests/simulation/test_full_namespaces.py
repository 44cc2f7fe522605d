"""A namespace has as many servers as it may have, whoever asks for more, and in whatever way."""

from __future__ import annotations

import pytest

from controller.api.resources import Resource
from fakes.universe import Universe, application, component

pytestmark = pytest.mark.looptime
BOUND = 10


def servers(universe: Universe, prefix: str = "") -> list[str]:
    """Return the names of the servers that begin so."""
    return [each for each in universe.names(Resource.SERVERS) if each.startswith(prefix)]


async def test_what_is_beyond_the_bound_is_not_made_and_is_told() -> None:
    """The later application gets what is left, says what is in the way, and rests."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        await universe.apply(application("first", component("web", 6)))
        await universe.settle()
        await universe.apply(application("second", component("web", 8)))
        await universe.settle(quiet=5)
        assert (len(servers(universe, "first")), len(servers(universe, "second"))) == (6, 4)
        assert universe.condition(Resource.APPLICATIONS, "first")["status"] == "True"
        told = universe.condition(Resource.SERVERSETS, "second-web", "Stalled")
        assert (told["status"], told["reason"]) == ("True", "NamespaceFull")
        said = "The namespace default may have 10 servers, so of second-web 4 servers are not made."
        assert said in told["message"]
        assert "raise limits.serversPerNamespace" in told["message"]
        (blocked,) = universe.get(Resource.SERVERSETS, "second-web")["status"]["blockedBy"]
        assert (blocked["object"], blocked["remedy"]) == (
            "Namespace/default",
            "kubectl argosy top -n default",
        )
        above = universe.get(Resource.APPLICATIONS, "second")["status"]["blockedBy"]
        assert {each["reason"] for each in above} == {"NamespaceFull"}
        writes = len(universe.server.writes)
        await universe.settle(quiet=5)
        assert len(universe.server.writes) == writes


async def test_many_that_come_at_once_exceed_the_bound_by_nothing() -> None:
    """Sets that plan in one moment do not see each other's creates, and keep within it together."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        for number in range(12):
            await universe.apply(application(f"app-{number}", component("web", 4)))
        most = 0

        def bounded() -> bool:
            nonlocal most
            most = max(most, len(servers(universe)))
            return len(servers(universe)) == BOUND

        await universe.until(bounded)
        await universe.settle(quiet=5)
        assert max(most, len(servers(universe))) == BOUND


async def test_other_namespaces_are_unaffected() -> None:
    """What one namespace asks for in excess costs no other a server."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        space = b'{"metadata": {"name": "elsewhere"}}'
        await universe.server.create(Resource.NAMESPACES, "", space)
        await universe.apply(application("greedy", component("web", 5000)))
        modest = application("modest", component("web", 3))
        modest["metadata"]["namespace"] = "elsewhere"
        await universe.apply(modest)
        await universe.settle(quiet=5)
        held = [
            name for space, name in universe.server.objects[Resource.SERVERS] if space != "default"
        ]
        assert sorted(held) == ["modest-web-0", "modest-web-1", "modest-web-2"]
        assert len(servers(universe, "greedy")) == BOUND


async def test_room_that_becomes_free_is_used() -> None:
    """Whoever waits goes on by itself once another is scaled down."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        await universe.apply(application("first", component("web", 8)))
        await universe.settle()
        await universe.apply(application("second", component("web", 6)))
        await universe.settle(quiet=5)
        assert len(servers(universe, "second")) == 2
        await universe.apply(application("first", component("web", 4)))
        await universe.until(lambda: len(servers(universe, "second")) == 6)
        await universe.settle()
        assert universe.condition(Resource.APPLICATIONS, "second")["status"] == "True"


async def test_a_bound_that_comes_later_takes_nothing_down() -> None:
    """Servers that run are kept, a rollout that needs no room goes on, no deadline is missed."""
    async with Universe() as universe:
        await universe.apply(application("shop", component("web", 14)))
        await universe.settle()
        universe.servers_per_namespace = BOUND
        await universe.crash()
        rollout = {"progressDeadlineSeconds": 60, "maxUnavailable": 4}
        await universe.apply(
            application("shop", component("web", 16, image="app:2", rollout=rollout))
        )
        await universe.until(
            lambda: (
                {
                    each["spec"]["containers"][0]["image"]
                    for each in (universe.get(Resource.PODS, name) for name in servers(universe))
                }
                == {"app:2"}
            )
        )
        await universe.settle(quiet=5)
        assert len(servers(universe)) == 14
        told = universe.condition(Resource.SERVERSETS, "shop-web", "Stalled")
        assert told["reason"] == "NamespaceFull"


async def test_a_set_that_somebody_scales_is_bounded_alike() -> None:
    """An autoscaler writes to the set and not to the application."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        await universe.apply(application("shop", component("web", None)))
        await universe.settle()
        await universe.merge(Resource.SERVERSETS, "shop-web", {"spec": {"replicas": 500}})
        await universe.settle(quiet=5)
        assert len(servers(universe)) == BOUND


async def test_a_first_rollout_that_has_no_room_misses_no_deadline() -> None:
    """The clock stands still while nothing may be made: nothing of the rollout's own is awaited."""
    async with Universe(servers_per_namespace=2) as universe:
        rollout = {"progressDeadlineSeconds": 60, "onDeadline": "RollBack"}
        await universe.apply(application("shop", component("web", 4, rollout=rollout)))
        await universe.settle(quiet=5)
        for _ in range(20):
            await universe.settle(quiet=10)
        told = universe.condition(Resource.SERVERSETS, "shop-web", "Stalled")
        assert told["reason"] == "NamespaceFull"


async def test_an_older_set_takes_nothing_from_a_younger_one() -> None:
    """It makes what there is room for beside all that run, and waits for the rest."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        await universe.apply(application("older", component("web", 3)))
        await universe.settle()
        await universe.apply(application("younger", component("web", 6)))
        await universe.settle()
        await universe.apply(application("older", component("web", 9)))
        await universe.settle(quiet=5)
        assert (len(servers(universe, "older")), len(servers(universe, "younger"))) == (4, 6)
        assert universe.condition(Resource.APPLICATIONS, "younger")["status"] == "True"


async def test_the_bound_outlives_a_change_of_operator() -> None:
    """Who waits, and who has what, is read from the objects and not remembered."""
    async with Universe(servers_per_namespace=BOUND) as universe:
        for name in ("first", "second", "third"):
            await universe.apply(application(name, component("web", 4)))
            await universe.settle(quiet=5)
        before = servers(universe)
        await universe.crash()
        await universe.settle(quiet=5)
        assert servers(universe) == before
        assert len(before) == BOUND

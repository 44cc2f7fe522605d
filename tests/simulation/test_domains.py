"""Servers are spread over failure domains, leave them, and are taken down in one at a time."""

from __future__ import annotations

import asyncio
import collections

import pytest

from controller.api import objects
from controller.api.resources import Resource
from controller.planning import domains
from fakes.api_server import Behaviour, evictions
from fakes.universe import Json, application, component, operation
from tests.simulation.zoned import ZONES, Pods, World, least_up, skewed

pytestmark = pytest.mark.looptime


async def test_new_servers_go_to_the_domain_that_has_the_fewest_for_its_weight() -> None:
    """Their domain is part of their create: it costs no write."""
    async with World() as world:
        world.domains["c"]["weight"] = 2
        await world.open(8)
        assert world.count() == {"a": 2, "b": 2, "c": 4}
        told = {each["metadata"]["name"]: each["spec"]["domain"] for each in world.servers()}
        seen = {each.key[1]: each.zone for each in world.machines.machines}
        assert told == seen
        writes = collections.Counter(
            each.name for each in world.server.writes if each.resource is Resource.SERVERS
        )
        assert set(writes.values()) == {2}


async def test_scaling_down_takes_from_the_fullest_domain() -> None:
    """What is marked goes first; then each domain gives up what it has too much."""
    async with World() as world:
        await world.open(9)
        marked = {"metadata": {"annotations": {"argosy.dev/delete-first": "true"}}}
        for ordinal in (0, 3):
            await world.merge(Resource.SERVERS, f"shop-web-{ordinal}", marked)
        await world.have(5)
        assert world.count() == {"a": 1, "b": 2, "c": 2}
        assert "shop-web-0" not in world.names(Resource.SERVERS)


@pytest.mark.parametrize(
    "rollout", [{"maxUnavailable": 1}, {"maxUnavailable": 0, "maxSurge": 1}], ids=["in", "surge"]
)
async def test_a_domain_is_evacuated_within_the_budget(rollout: Json) -> None:
    """All its servers are made anew elsewhere, never more down than may be; nothing comes back."""
    async with World() as world:
        await world.open(9, rollout=rollout)
        since = len(world.server.writes)
        await world.turn("a", state="Evacuating")
        await world.settle()
        counts = world.count()
        assert "a" not in counts
        assert sorted(counts.values()) == [4, 5]
        assert len(world.servers()) == 9
        least = least_up(world, since)
        assert least >= 9 - rollout["maxUnavailable"]
        await world.turn("a", state="Active")
        await world.settle()
        assert set(world.count().values()) == {3}


async def test_an_evacuation_that_is_called_off_moves_nobody_further() -> None:
    """Active again, the domain keeps what it still has."""
    async with World() as world:
        await world.open(9, rollout={"maxUnavailable": 1}, spread=None)
        await world.turn("a", state="Evacuating")
        await world.until(lambda: world.count().get("a", 0) < 3)
        await world.turn("a", state="Active")
        await world.settle()
        assert world.count()["a"] >= 1
        assert sum(world.count().values()) == 9


@pytest.mark.parametrize("step", range(0, 40, 5))
async def test_an_evacuation_goes_on_wherever_the_operator_is_killed(step: int) -> None:
    """Killed after any write of it, another goes on within the same budget."""
    async with World() as world:
        await world.open(6, rollout={"maxUnavailable": 0, "maxSurge": 1})
        since = len(world.server.writes)
        await world.turn("a", state="Evacuating")
        await world.until(
            lambda: len(world.server.writes) >= since + step or "a" not in world.count()
        )
        await world.crash()
        await world.settle()
        assert world.count() == {"b": 3, "c": 3}
        assert least_up(world, since) >= 6


async def test_nothing_new_lands_in_a_cordoned_domain() -> None:
    """What is there stays; what is lost there comes back elsewhere, and so does what is new."""
    async with World() as world:
        await world.open(6, spread=None)
        await world.turn("a", state="Cordoned")
        await world.have(8, spread=None)
        assert world.count() == {"a": 2, "b": 3, "c": 3}
        lost = next(each for each in world.machines.machines if each.zone == "a")
        world.machines.remove(lost, at_once=True)
        await world.settle()
        counts = world.count()
        assert counts["a"] == 1
        assert sum(counts.values()) == 8
        await world.apply(operation("again", "shop", "Replace"))
        await world.settle()
        assert world.count() == {"b": 4, "c": 4}


async def test_a_server_waits_where_no_domain_takes_it_and_goes_on_once_one_does() -> None:
    """It says so, and names the fleet; nobody else is touched."""
    async with World() as world:
        await world.open(3)
        for each in ZONES:
            await world.turn(each, state="Cordoned")
        await world.ask(4)
        await asyncio.sleep(60)
        assert sum(world.count().values()) == 3
        assert "DomainClosed" in world.reasons()
        await world.turn("b", state="Active")
        await world.settle()
        assert world.count() == {"a": 1, "b": 2, "c": 1}
        assert world.reasons() == set()


@pytest.mark.parametrize("require", [True, False])
async def test_only_a_server_that_must_waits_for_room_in_its_domain(*, require: bool) -> None:
    """Else it lands in another domain, and says in which it is."""
    async with World() as world:
        world.machines.settings = world.machines.settings.__class__(full_zones=("b",))
        await world.open(1)
        await world.ask(3, spread={"require": require})
        await asyncio.sleep(200)
        if require:
            assert world.count() == {"a": 1, "c": 1}
            assert "NoCapacity" in world.reasons()
            world.machines.settings = world.machines.settings.__class__()
            await world.settle(quiet=120)
            assert world.count() == {"a": 1, "b": 1, "c": 1}
        else:
            assert sum(world.count().values()) == 3
            zones = {each["status"]["provider"]["zone"] for each in world.servers()}
            assert zones == {"a", "c"}


async def test_an_alternative_that_names_a_zone_wins() -> None:
    """The server is where the alternative says, and says so beside where it was to be."""
    async with World() as world:
        world.machines.settings = world.machines.settings.__class__(full_zones=("a",))
        ways = [
            {"name": "as-it-is", "patch": {}},
            {"name": "in-c", "patch": {"spec": {"zone": "c"}}},
        ]
        recovery = {"attempts": 1, "alternatives": ways}
        await world.open(1, spread={"require": True}, recovery=recovery)
        (server,) = world.servers()
        assert server["spec"]["domain"] == "a"
        assert server["status"]["provider"]["zone"] == "c"


async def test_servers_made_before_there_were_domains_stay_until_they_are_made_anew() -> None:
    """Neither the fleet's domains nor a spread restart anything; the next rollout places them."""
    async with World() as world:
        named, world.domains, world.machines.zones = world.domains, {}, ()
        await world.open(6, spread=None)
        assert {each["spec"].get("domain") for each in world.servers()} == {None}
        world.machines.zones = ZONES
        for each in ZONES:
            await world.turn(each, **{k: v for k, v in named[each].items() if k != "name"})
        since = len(world.server.writes)
        await world.have(6)
        touched = {each.resource for each in world.server.writes[since:]}
        assert Resource.SERVERS not in touched
        await world.apply(operation("again", "shop", "Replace"))
        await world.settle()
        await world.have(6, image="app:2", rollout={"inPlace": "Never"})
        assert world.count() == {"a": 2, "b": 2, "c": 2}


@pytest.mark.parametrize("action", ["rollout", "Restart", "both"])
async def test_servers_are_taken_down_in_one_domain_at_a_time(action: str) -> None:
    """After every write all that are down are in one domain, whoever took them down."""
    rollout: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    async with World() as world:
        await world.open(18, rollout=rollout)
        since = len(world.server.writes)
        if action != "Restart":
            await world.ask(18, image="app:2", rollout=rollout)
        if action != "rollout":
            await world.apply(operation("again", "shop", "Restart"))
        await world.settle()
        down = world.down(since)
        assert max(map(len, down)) == 1
        assert {each for some in down for each in some} == set(ZONES)
        assert {each["spec"]["incarnation"] > 1 for each in world.servers()} == {True}


async def test_a_sick_domain_holds_the_others_and_is_named() -> None:
    """While a server of one is ill, none of another is taken down; once it is well, all go on."""
    rollout: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    never = {"remediation": {"afterSeconds": 100_000, "maxHoldSeconds": 100_000}}
    async with World() as world:
        await world.open(9, rollout=rollout, recovery=never)
        sick = next(each for each in world.machines.machines if each.zone == "c")
        world.machines.silence(sick.key)
        await world.settle()
        since = len(world.server.writes)
        await world.ask(9, image="app:2", rollout=rollout, recovery=never)
        await asyncio.sleep(120)
        assert set().union(*world.down(since)) == {"c"}
        (told,) = [
            each
            for each in world.get(Resource.SERVERSETS, "shop-web")["status"]["blockedBy"]
            if each["reason"] == "DomainSick"
        ]
        assert "failure domain c" in told["message"]
        world.machines.silence(sick.key, silent=False)
        target = world.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"]
        # The delete of the silent one is tried again after a minute at most.
        await world.until(
            lambda: {each["status"]["revision"] for each in world.servers()} == {target}
        )
        await world.settle()
        assert world.reasons() == set()


async def comes_up_slowly(world: Pods) -> str:
    """Have a server of the domain b be away, and take five minutes to come up; return its name."""
    slow: str = next(
        each["metadata"]["name"] for each in world.servers() if each["spec"]["domain"] == "b"
    )
    world.kubelet.behave = lambda pod: Behaviour(
        start_seconds=300.0 if pod["metadata"]["name"] == slow else 1.0
    )
    world.server.registry.delete(Resource.PODS, "default", slow, actor="user")
    await asyncio.sleep(5)
    return slow


async def test_a_server_that_is_merely_coming_up_is_named_by_the_rollout_that_waits() -> None:
    """Servers of other domains wait for it, with budget left: the set says for which, and why.

    Once it is up the rollout goes on, and nothing is said of it any more.
    """
    rollout: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    async with Pods(nodes=9) as world:
        await world.open(9, rollout=rollout)
        slow = await comes_up_slowly(world)
        await world.ask(9, image="app:2", rollout=rollout)
        await asyncio.sleep(90)
        (told,) = world.get(Resource.SERVERSETS, "shop-web")["status"]["blockedBy"]
        assert (told["object"], told["reason"]) == (f"Server/{slow}", "ServersUnavailable")
        assert "failure domain alone may be, now b (oneDomainAtATime)" in told["message"]
        assert told["remedy"] == f"kubectl argosy why server/{slow} -n default"
        await world.until(world.is_ready)
        assert world.reasons() == set()


@pytest.mark.parametrize("one", [True, False])
async def test_a_server_that_is_merely_coming_up_is_named_by_an_evacuation_that_waits(
    *, one: bool
) -> None:
    """Whether it keeps other domains, or uses up the budget; nothing is said of it afterwards."""
    limit = 3 if one else 1
    rollout: Json = {"maxUnavailable": limit, "oneDomainAtATime": one, "inPlace": "Never"}
    async with Pods(nodes=9) as world:
        await world.open(9, rollout=rollout)
        slow = await comes_up_slowly(world)
        await world.turn("a", state="Evacuating")
        await asyncio.sleep(90)
        assert world.count()["a"] == 3
        told = world.get(Resource.SERVERSETS, "shop-web")["status"]["blockedBy"]
        assert {each["object"]: each["reason"] for each in told} == {
            "Fleet/pods": "ServersMoving",
            f"Server/{slow}": "ServersUnavailable",
        }
        await world.until(lambda: "a" not in world.count() and world.is_ready())
        await world.settle()
        assert world.reasons() == set()


async def test_servers_move_to_a_domain_that_is_new() -> None:
    """One at a time, once all is well, until none is ahead by more than maxSkew; then rest."""
    async with World() as world:
        await world.open(9, rollout={"maxUnavailable": 0, "maxSurge": 1})
        since = len(world.server.writes)
        await world.turn("d", weight=2, state="Active")
        await world.settle()
        weights = {name: int(each["weight"]) for name, each in world.domains.items()}
        assert not skewed(world.count(), weights, 1)
        assert world.count()["d"] >= 3
        assert least_up(world, since) >= 9
        assert len(world.servers()) == 9


def test_the_domain_that_is_chosen_leaves_none_ahead() -> None:
    """Server by server, with any weights: none is ever more than one ahead of its share."""
    weights = {"a": 1, "b": 3, "c": 7}
    known = [objects.FailureDomain(name=name, weight=weight) for name, weight in weights.items()]
    load: collections.Counter[str] = collections.Counter()
    for _ in range(200):
        load[domains.choose(known, load)] += 1
        assert not skewed(load, weights, 1)
        assert domains.overfull(known, load, 1) == ""
    while load.total():
        load[domains.fullest(known, load, [each for each in load if load[each]])] -= 1
        assert not skewed(load, weights, 1)


async def test_a_drain_and_a_rollout_take_servers_down_in_one_domain() -> None:
    """Pods are evicted one at a time, none while servers of another domain are down; it ends."""
    rollout: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    async with Pods() as world:
        await world.open(12, rollout=rollout, spread=None)
        since = len(world.server.writes)
        await world.apply(application("shop", component("web", 12, image="app:2", rollout=rollout)))
        drained = [
            evictions.drain(world.server.registry, world.kubelet, each)
            for each in ("node-0", "node-1")
        ]
        await asyncio.wait_for(asyncio.gather(*drained), 600)
        await world.settle()
        assert max(map(len, world.down(since))) == 1
        nodes = {each["spec"]["nodeName"] for each in world.server.objects[Resource.PODS].values()}
        assert nodes.isdisjoint({"node-0", "node-1"})


async def test_a_server_with_claims_stays_where_its_volumes_are() -> None:
    """Neither an evacuation nor a skew moves it, and made again it has its domain again."""
    claims = [{"name": "data", "spec": {"resources": {"requests": {"storage": "1Gi"}}}}]
    async with Pods() as world:
        await world.open(3, volumeClaims=claims)
        before = {each["metadata"]["name"]: each["spec"]["domain"] for each in world.servers()}
        assert sorted(before.values()) == ["a", "b", "c"]
        await world.turn("a", state="Evacuating")
        await world.settle()
        await world.apply(application("shop", component("web", 0, volumeClaims=claims, spread={})))
        await world.settle()
        await world.apply(application("shop", component("web", 3, volumeClaims=claims, spread={})))
        await world.settle()
        after = {each["metadata"]["name"]: each["spec"]["domain"] for each in world.servers()}
        assert after == before


async def test_domains_restart_no_pod_that_runs() -> None:
    """Neither a fleet that names domains nor a component that is spread writes any of them."""
    async with Pods() as world:
        await world.apply(application("shop", component("web", 4)))
        await world.settle()
        since = len(world.server.writes)
        await world.open(4, spread={"require": True})
        touched = {each.resource for each in world.server.writes[since:]}
        assert not touched & {Resource.SERVERS, Resource.PODS, Resource.REVISIONS}

"""Disruptions that meet: an outage in a rollback, a fleet made anew in one, domains that change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from controller.planning.circuit import CircuitState
from controller.providers.memory.machines import MachineSettings
from fakes.api_server import evictions
from fakes.universe import Json, Universe, application, component, operation
from proof import history
from proof.history import budgets, concentration
from proof.history import evictions as rule
from proof.mutants import audit
from tests.simulation.test_outages import (
    FLEET,
    Outage,
    failed,
    in_time,
    set_status,
    unreachable,
    well,
)
from tests.simulation.zoned import Pods, World, least_up

pytestmark = pytest.mark.looptime

BACK: Json = {
    "rollout": {"inPlace": "Never", "progressDeadlineSeconds": 60, "onDeadline": "RollBack"},
    "recovery": {"attempts": 1, "giveUp": True, "failureBudget": 2},
}
RULES: tuple[history.judgement.Rule, ...] = (
    lambda past, expected: budgets.check(past, slack=expected.slack),
    lambda past, _: rule.check(past),
    lambda past, expected: concentration.check(past, slack=expected.slack),
)


def judge(universe: Universe) -> None:
    """Hold all that was written to the rules of budgets, evictions and domains."""
    history.check(audit.lines(universe.server, (), {}, alive_every=2.0), rules=RULES).require()


async def test_an_outage_in_the_middle_of_a_rollback_ends_where_that_was_to_end() -> None:
    """The way back stands still for an hour, and goes on: nobody fails, nothing goes forward."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 24, **BACK), fleet="metal"))
        await universe.until(lambda: well(universe))
        proven = revision(universe)
        universe.machines.settings = MachineSettings(latency_seconds=100_000)
        changed = component("web", 24, image="app:2", **BACK)
        await universe.apply(application("shop", changed, fleet="metal"))
        await universe.until(lambda: revision(universe) != proven)
        await universe.until(lambda: revision(universe) == proven)
        universe.machines.settings = MachineSettings()
        began, outage = universe.server.now(), Outage(universe, unreachable)
        # Half of the way back may be under way: what is asked for meanwhile does not get through.
        while universe.server.now() - began < 3600:
            await asyncio.sleep(60)
            assert revision(universe) == proven
        assert not is_back(universe, proven)
        outage.end()
        await in_time(universe, lambda: is_back(universe, proven), patience=1500)
        assert len(universe.machines.machines) == 24
        assert failed(universe) == []
        assert universe.condition(Resource.APPLICATIONS, "shop")["reason"] == "RolledBack"


def revision(universe: Universe) -> str:
    """Return the revision that the set is to run."""
    return str(universe.get(Resource.SERVERSETS, "shop-web")["spec"]["revision"])


def is_back(universe: Universe, proven: str) -> bool:
    """Return whether all servers run that revision and are up."""
    status = set_status(universe)
    runs = {each.revision for each in universe.machines.machines} == {proven}
    return runs and status["available"] == status["desired"]


async def test_a_fleet_that_is_made_anew_in_an_outage_is_tried_at_once_and_loses_nobody() -> None:
    """Its servers wait for it while it is gone, none fails, and all come up once it works."""
    async with Universe() as universe:
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await universe.apply(application("shop", component("web", 20), fleet="metal"))
        await universe.until(lambda: well(universe))
        kept = {each.id for each in universe.machines.machines}
        outage = Outage(universe, unreachable)
        await universe.apply(application("shop", component("web", 60), fleet="metal"))
        fleets = universe.process.fleets
        await universe.until(lambda: fleets.circuit("metal").state is CircuitState.OPEN)
        await asyncio.sleep(1800)
        await universe.server.delete(Resource.FLEETS, "", "metal", uid=fleet_uid(universe))
        await asyncio.sleep(600)
        assert failed(universe) == []
        await universe.server.create(Resource.FLEETS, "", FLEET)
        await asyncio.sleep(300)
        assert failed(universe) == []
        outage.end()
        await in_time(universe, lambda: well(universe), patience=900)
        assert len(universe.machines.machines) == 60
        assert kept <= {each.id for each in universe.machines.machines}
        assert failed(universe) == []


def fleet_uid(universe: Universe) -> str:
    """Return the UID of the fleet."""
    return str(universe.server.objects[Resource.FLEETS]["", "metal"]["metadata"]["uid"])


@pytest.mark.parametrize("surge", [0, 2])
async def test_scaling_down_during_an_evacuation_keeps_to_the_budget(surge: int) -> None:
    """What is evacuated goes elsewhere, what is too many goes; no more are missed than may be."""
    rollout: Json = {"maxUnavailable": 0 if surge else 1, "maxSurge": surge, "inPlace": "Never"}
    async with World() as world:
        await world.open(12, rollout=rollout)
        since = len(world.server.writes)
        await world.turn("a", state="Evacuating")
        await world.until(lambda: 0 < world.count().get("a", 0) < 4)
        await world.ask(7, rollout=rollout)
        await world.settle()
        assert "a" not in world.count()
        assert sorted(world.count().values()) == [3, 4]
        assert least_up(world, since) >= 7 - (0 if surge else 1)
        judge(world)


@pytest.mark.parametrize("wanted", [(9, 5, 12, 6), (3, 12, 4, 9)])
async def test_an_autoscaler_that_changes_its_mind_beside_drains_keeps_to_the_budget(
    wanted: tuple[int, ...],
) -> None:
    """However often the number changes meanwhile: the drains end, and all is as asked for last."""
    rollout: Json = {"maxUnavailable": 2, "inPlace": "Never"}
    async with Pods(nodes=9) as world:
        await world.open(9, rollout=rollout)
        drains = [
            asyncio.create_task(evictions.drain(world.server.registry, world.kubelet, each))
            for each in ("node-0", "node-1", "node-2", "node-3")
        ]
        for each in wanted:
            await world.ask(each, rollout=rollout)
            await asyncio.sleep(1.3)
        await asyncio.wait_for(asyncio.gather(*drains), 600)
        await world.settle()
        assert len(world.pods()) == wanted[-1]
        judge(world)


def changes() -> Iterator[list[Json]]:
    """Yield other lists of domains: one is gone, one is new, all are gone, and others' states."""
    yield [{"name": "a"}, {"name": "b"}]
    yield [{"name": "a"}, {"name": "b"}, {"name": "c", "weight": 9}]
    yield []
    yield [{"name": "a", "state": "Evacuating"}, {"name": "b"}, {"name": "c", "state": "Cordoned"}]


@pytest.mark.parametrize("listed", list(changes()))
@pytest.mark.parametrize("action", ["rollout", "Replace"])
async def test_domains_that_change_under_a_rollout_lose_servers_in_one_alone(
    listed: list[Json], action: str
) -> None:
    """Whatever the fleet says meanwhile: at each write those that are down are in one domain."""
    rollout: Json = {"maxUnavailable": 3, "oneDomainAtATime": True, "inPlace": "Never"}
    async with Pods(nodes=9) as world:
        await world.open(12, rollout=rollout)
        if action == "rollout":
            await world.ask(12, image="app:2", rollout=rollout)
        else:
            await world.apply(operation("anew", "shop", "Replace"))
        await asyncio.sleep(1.5)
        spec = {"spec": {"failureDomains": listed or None}}
        await world.server.patch(Resource.FLEETS, "", "pods", spec, field_manager="admin")
        await world.settle()
        assert world.is_ready()
        assert len(world.pods()) == 12
        judge(world)

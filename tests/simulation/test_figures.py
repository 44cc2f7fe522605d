"""How long servers take to be ready, and what is mended of them: counted by whoever did it."""

from __future__ import annotations

import pytest
from prometheus_client import parser

from controller.api.resources import Resource
from controller.telemetry import metrics
from fakes.api_server import Behaviour, Faults, Kubelet
from fakes.universe import Universe, application, component, operation
from tests.simulation import test_drift, test_fleets
from tests.simulation import test_replicas as replicas

pytestmark = pytest.mark.looptime

POD = "shop-web-0"


def figure(name: str) -> float:
    """Return a figure of the fleet of pods, as a scraper would read it; 0 before there is one."""
    found = parser.text_string_to_metric_families(metrics.render().decode())
    return sum(
        float(sample.value)
        for family in found
        for sample in family.samples
        if sample.name == name and sample.labels == {"fleet": "pods"}
    )


def answers(name: str = "argosy_writes_total", **labels: str) -> float:
    """Return how many answers were counted that have these labels."""
    found = parser.text_string_to_metric_families(metrics.render().decode())
    return sum(
        float(sample.value)
        for family in found
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def readiness() -> tuple[float, float]:
    """Return how many servers were ready for the first time, and how long that took in all."""
    name = "argosy_server_first_ready_seconds"
    return figure(f"{name}_count"), figure(f"{name}_sum")


async def test_each_server_is_counted_once_when_it_is_ready_for_the_first_time() -> None:
    """After what it took, also where that was told meanwhile; a later life of it is none."""
    kubelet = Kubelet(lambda _: Behaviour(schedule_seconds=90))
    count, seconds = readiness()
    async with Universe(kubelet=kubelet) as universe:
        await universe.apply(application("shop", component("web", 4)))
        await universe.settle(quiet=200)
        assert universe.condition(Resource.SERVERS, POD)["status"] == "True"
        then, took = readiness()
        assert then - count == 4
        assert 4 * 89 <= took - seconds <= 4 * 100
        # Ready again is not ready at last: by a deleted pod, another operator, or a rollout.
        await universe.delete(Resource.PODS, POD)
        await universe.settle(quiet=200)
        await universe.crash()
        await universe.settle(quiet=200)
        await universe.apply(application("shop", component("web", 4, image="app:2")))
        await universe.settle(quiet=200)
        assert universe.condition(Resource.SERVERS, POD)["status"] == "True"
        assert readiness() == (then, took)


async def test_of_replicas_that_share_the_work_one_counts_a_server() -> None:
    """All of them see each server; together they count it once, also where one is killed."""
    count, _ = readiness()
    async with replicas.crewed() as crew:
        mates = [crew.join() for _ in range(3)]
        await crew.shared(*mates)
        await replicas.rolled_out(crew, "web:1")
        total = 3 * len(replicas.NAMES)
        assert readiness()[0] - count == total
        await mates[0].kill()
        await crew.shared(*mates[1:])
        await replicas.rolled_out(crew, "web:2")
        assert readiness()[0] - count == total


async def test_each_field_that_is_mended_is_counted() -> None:
    """A hand edit once, and a program that insists as often as Argosy mends; a rollout is none."""
    name = "argosy_drift_mended_total"
    async with Universe(faults=Faults()) as universe:
        await universe.apply(application("shop", component("web", 1)))
        await universe.settle()
        before = figure(name)
        await universe.apply(application("shop", component("web", 1, image="app:2")))
        await universe.settle()
        assert figure(name) == before
        await test_drift.edit(universe, "evil:1")
        await universe.settle()
        assert test_drift.image(universe) == "app:2"
        assert figure(name) - before == 1
        label = "argosy.dev/component"
        done = await test_drift.insist(universe, label, "theirs", times=2)
        await universe.settle()
        assert figure(name) - before == 1 + done


async def test_what_a_fleet_is_asked_for_is_no_write_of_a_resource_of_its_name() -> None:
    """Creates of pods count as calls to the fleet of pods; what is written of servers as writes."""
    called, written = answers(fleet="pods", result="ok"), answers(resource="pods")
    servers = answers(resource="servers", fleet="", result="ok")
    async with Universe() as universe:
        await universe.bring_up(application("shop", component("web", 3)))
        assert answers(fleet="pods", result="ok") - called == 3
        assert answers(resource="pods") == written
        assert answers(resource="servers", fleet="", result="ok") - servers >= 3


@pytest.mark.parametrize(("command", "result"), [("true", "ok"), ("false", "ExecFailed")])
async def test_acts_are_counted_where_calls_to_their_fleet_are(command: str, result: str) -> None:
    """By how they ended, and not by how long their commands took."""
    async with Universe() as universe:
        fleet = test_fleets.fleet("servers", "memory")
        await universe.server.create(Resource.FLEETS, "", fleet)
        await universe.bring_up(application("shop", component("web", 1), fleet="servers"))
        before = answers(fleet="servers", result=result)
        timed = answers("argosy_write_time_seconds_count", fleet="servers")
        step = {"name": "say", "exec": {"command": [command]}}
        await universe.apply(operation("say", "shop", "Steps", steps=[step]))
        await universe.until(lambda: "exitCode" in test_fleets.facts(universe))
        assert answers(fleet="servers", result=result) - before == 1
        assert answers("argosy_write_time_seconds_count", fleet="servers") == timed

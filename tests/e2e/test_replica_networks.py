"""G9: replicas that share the work, each with its own way to the API server, which can fail alone.

A cluster of these tests' own; the operators are behind the proxies of `make faults`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from proof.faults import rig
from tests.e2e import conftest, crews
from tests.e2e.crews import SharingCrew
from tests.e2e.driving import Kube, Place

pytestmark = pytest.mark.e2e

REPLICAS = 3
NAMES = [f"shop{number}" for number in range(6)]
SIZE = 6
# How far a replica that sees nothing may lie behind what another had seen.
SLACK = 90.0
DISAGREE_SECONDS, LAG_SECONDS = 5.0, 30.0


@pytest.fixture(scope="module", params=crews.WATCHES)
def faulty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[rig.Rig]:
    """A cluster of its own, whose operators share the work behind a proxy each."""
    with (
        conftest.cluster_of_its_own(tmp_path_factory.mktemp("networks"), crews.SETTINGS) as owner,
        rig.in_front_of(owner, replicas=REPLICAS, values=request.param) as running,
    ):
        yield running


@pytest.fixture
def crew(faulty: rig.Rig) -> Iterator[SharingCrew]:
    """Living operators with sound ways, as they are before and after each test."""
    owner = faulty.cluster
    yield SharingCrew(Place(api=owner.client, cluster=owner), owner)
    for each in faulty.replicas:
        each.heal()
    faulty.release_watches()


@pytest.fixture
def kube(crew: SharingCrew) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


def let_pass(kube: Kube, seconds: float) -> None:
    """Let time pass that is itself the fault."""
    until = time.monotonic() + seconds
    kube.wait_until(f"{seconds:g} s", lambda: time.monotonic() > until, seconds + 60)


def test_one_that_is_cut_off_gives_up_its_part(
    faulty: rig.Rig, crew: SharingCrew, kube: Kube
) -> None:
    """Cut off amid a rollout, it gives up: others go on, and it comes back as another."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, SIZE)
    for each in apps:
        each.set_env("2")
    victim = faulty.replicas[0]
    victim.do(victim.proxy.part)
    crew.wait_shared(kube, crew.others(victim.process))
    for each in apps:
        each.wait_ready()
    victim.heal()
    crew.wait_shared(kube)
    for each in apps:
        each.set_env("3")
    for each in apps:
        each.wait_ready()


def test_those_that_disagree_on_who_is_there_wait(
    faulty: rig.Rig, crew: SharingCrew, kube: Kube
) -> None:
    """One cannot look for five seconds while a newcomer comes: no slot has two owners."""
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, SIZE)
    blind, newcomer = faulty.replicas[1], faulty.replicas[2]
    for each in apps:
        each.set_env("2")
    # Its next process is started by the rig, and is a newcomer to all.
    newcomer.process.terminate()
    blind.do(blind.proxy.part)
    let_pass(kube, DISAGREE_SECONDS)
    blind.heal()
    crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


def test_new_owners_whose_watches_lag_make_nothing_twice(
    faulty: rig.Rig, crew: SharingCrew, kube: Kube
) -> None:
    """One is killed while the others see no event: nothing is made again, and all goes on later.

    More servers are wanted, and one pod is gone, before anybody can see either.
    """
    crew.wait_shared(kube)
    apps = crews.run_shops(kube, NAMES, SIZE)
    victim, *others = faulty.replicas
    for each in others:
        each.do(each.proxy.hold_watches)
    for app in apps:
        kube.delete(Resource.PODS, f"{app.name}-web-0")
        app.component()["replicas"] = SIZE + 2
        app.apply()
    victim.process.kill()
    let_pass(kube, LAG_SECONDS)
    faulty.release_watches()
    for app in apps:
        app.wait_ready()
        assert app.pods().keys() == app.pod_names()
    crew.wait_shared(kube)

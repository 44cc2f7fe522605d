"""Four operators share the work of a real cluster: killed, frozen, upgraded, nothing is doubled.

These tests have a cluster of their own, whose operators they may do anything to.
"""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api.resources import Resource
from controller.kube import slots
from devcluster import cluster, controlplane, operator
from proof import history
from tests.e2e import conftest
from tests.e2e.driving import App, Kube, Place, component, condition

pytestmark = pytest.mark.e2e

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases"
REPLICAS = 4
# How far a new owner's writes may lie behind what an old one had seen.
SLACK = 30.0
NAMES = [f"shop{number}" for number in range(10)]


@dataclasses.dataclass(frozen=True, slots=True)
class Crew:
    """The operators of a cluster, and who has which slot."""

    place: Place
    owner: cluster.Cluster

    @property
    def operators(self) -> list[operator.Operator]:
        """All of them, dead or alive."""
        return operator.running(self.owner)

    def owners(self) -> dict[int, str]:
        """Return who has each slot, by the names of their Leases."""
        found = self.place.api.get(LEASES)["items"]
        held = {each["metadata"]["name"]: each["spec"].get("holderIdentity") for each in found}
        return {
            slot: held[name].rpartition("_")[0]
            for name, slot in slots.LEASES.items()
            if held.get(name)
        }

    def is_shared(self, among: set[str]) -> bool:
        """Return whether exactly these have all slots, none more than its part."""
        found = collections.Counter(self.owners().values())
        most = -(-slots.SLOTS // len(among))
        whole = sum(found.values()) == slots.SLOTS and set(found) == among
        return whole and max(found.values()) <= most

    def wait_shared(self, kube: Kube, among: set[str] | None = None) -> None:
        """Wait until the work is divided among these, or among all that there are."""
        chosen = among or {each.name for each in self.operators}
        kube.wait_until(f"shared by {sorted(chosen)}", lambda: self.is_shared(chosen), 90)

    def revive(self) -> None:
        """Start whoever is dead, as the kubelet does."""
        for each in self.operators:
            if not each.alive:
                each.start()


@pytest.fixture(scope="module")
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster with four operators that share the work, and that no other test uses."""
    if conftest.is_given():
        pytest.skip("this needs a cluster of our own")
    one = cluster.Cluster(tmp_path_factory.mktemp("replicas"))
    try:
        one.start(controlplane.Settings(nodes=4, audit="full"))
        operator.run(one, replicas=REPLICAS, values=["sharing.enabled=true"])
        yield Place(api=one.client, cluster=one)
    finally:
        one.stop()


@pytest.fixture
def crew(own_place: Place) -> Iterator[Crew]:
    """Four living operators, as they are before and after each test."""
    assert own_place.cluster is not None
    made = Crew(own_place, own_place.cluster)
    made.revive()
    yield made
    made.revive()


@pytest.fixture
def kube(crew: Crew) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(crew.place, slack=SLACK)


def run_shops(kube: Kube) -> list[App]:
    """Have several applications come up."""
    rollout = {"maxUnavailable": 5}
    apps = [kube.app(component(replicas=20, rollout=rollout), name=name) for name in NAMES]
    for each in apps:
        each.apply()
    for each in apps:
        each.wait_ready()
    return apps


def restart(kube: Kube, name: str) -> None:
    """Ask for a restart of all of an application's servers."""
    kube.create(
        Resource.OPERATIONS,
        {
            "metadata": {"name": f"restart-{name}", "namespace": kube.namespace},
            "spec": {"application": name, "action": "Restart", "concurrency": 3},
        },
    )


def have_succeeded(kube: Kube) -> bool:
    """Return whether all operations have ended well."""
    found = kube.list(Resource.OPERATIONS).values()
    return all(condition(each, "Succeeded").get("status") == "True" for each in found)


def has_begun(apps: list[App]) -> bool:
    """Return whether a server of these has been made anew."""
    return any(
        server["spec"]["incarnation"] > 1 for app in apps for server in app.servers().values()
    )


def test_a_killed_replicas_part_goes_on_elsewhere(crew: Crew, kube: Kube) -> None:
    """Kill -9 of one of four amid a rollout and restarts: others get its slots, and go on.

    How soon, the simulation says. No server is doubled, no restart is, and every budget is kept:
    the checker says so.
    """
    crew.wait_shared(kube)
    apps = run_shops(kube)
    for each in apps[:4]:
        restart(kube, each.name)
    for each in apps[4:]:
        each.set_env("2")
    victim = crew.operators[0]
    left = {each.name for each in crew.operators} - {victim.name}
    kube.wait_until("a restart has begun", lambda: has_begun(apps[:4]))
    victim.kill()
    crew.wait_shared(kube, left)
    for each in apps:
        each.wait_ready()
    kube.wait_until("restarted", lambda: have_succeeded(kube))
    incarnations = {
        server["spec"]["incarnation"] for app in apps[:4] for server in app.servers().values()
    }
    assert incarnations == {2}


def test_a_frozen_replica_writes_nothing_when_it_wakes(crew: Crew, kube: Kube) -> None:
    """SIGSTOP for a minute amid a rollout, then SIGCONT: it ends, and has written nothing."""
    crew.wait_shared(kube)
    apps = run_shops(kube)
    for each in apps:
        each.set_env("2")
    victim = crew.operators[1]
    left = {each.name for each in crew.operators} - {victim.name}
    victim.pause()
    try:
        frozen = time.time()
        crew.wait_shared(kube, left)
        for each in apps:
            each.wait_ready()
            each.set_env("3")
        kube.wait_until("a minute", lambda: time.time() - frozen > 60, 90)
    finally:
        victim.resume()
    kube.wait_until("it ends", lambda: not victim.alive, 30)
    for each in apps:
        each.wait_ready()
    woken = frozen + 30
    late = [
        each.object
        for each in kube.history().ours
        if each.agent.endswith(f" {victim.name}") and each.received > woken
    ]
    assert late == []


def test_replicas_that_leave_hand_over(crew: Crew, kube: Kube) -> None:
    """Asked to end, a replica leaves its slots to the others, and gets some back."""
    crew.wait_shared(kube)
    apps = run_shops(kube)
    for each in apps:
        each.set_env("2")
    victim = crew.operators[2]
    left = {each.name for each in crew.operators} - {victim.name}
    victim.terminate()
    crew.wait_shared(kube, left)
    victim.start()
    crew.wait_shared(kube)
    for each in apps:
        each.wait_ready()


def test_upgraded_one_by_one_from_one_leader(crew: Crew, kube: Kube) -> None:
    """Replicas that lead alone are replaced by ones that share, amid a rollout, one by one."""
    operators = operator.run(crew.owner, replicas=2)
    apps = [kube.app(component(replicas=10), name=name) for name in NAMES[:4]]
    for each in apps:
        each.apply()
    for each in apps:
        each.wait_ready()
        each.set_env("2")
    for one in operators:
        one.terminate()
        one.asked("--share-work").start()
    crew.wait_shared(kube, {each.name for each in operators})
    for each in apps:
        each.wait_ready()
    operator.run(crew.owner, replicas=REPLICAS, values=["sharing.enabled=true"])
    crew.wait_shared(kube)


def test_at_rest_only_heartbeats_are_written(crew: Crew, kube: Kube) -> None:
    """Half a minute after all is well, four replicas write nothing but their Leases."""
    crew.wait_shared(kube)
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    assert crew.place.audit_log is not None
    since = time.time() + 10
    kube.wait_until("rest", lambda: time.time() > since + 30, 60)
    told: Any = history.check(crew.place.audit_log, rules=()).history
    assert [each.object for each in told.ours if each.received > since] == []

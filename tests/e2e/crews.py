"""Several operators of one cluster, which tests kill, freeze and start again, and who has what."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from controller.kube import slots
from devcluster import cluster, controlplane, operator
from tests.e2e import conftest
from tests.e2e.driving import App, Kube, Place, component

LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases"
SHARING = ("sharing.enabled=true",)
BY_SLOT = (*SHARING, "sharing.watches=Slots")
# As the chart tells an operator; and how tests with either are called.
WORDS = {SHARING: ("--share-work",), BY_SLOT: ("--share-work", "--watch-slots")}
LONG = pytest.mark.long(
    reason="minutes; the simulation plays the same, and a killed replica is always played here"
)
WATCHES = [
    pytest.param(SHARING, id="All"),
    pytest.param(BY_SLOT, id="Slots", marks=LONG),
]
SETTINGS = controlplane.Settings(nodes=4, audit="full")


@dataclasses.dataclass(frozen=True, slots=True)
class Crew:
    """The operators of a cluster."""

    place: Place
    owner: cluster.Cluster

    @property
    def operators(self) -> list[operator.Operator]:
        """All of them, dead or alive."""
        return operator.running(self.owner)

    def revive(self) -> None:
        """Start whoever is dead, as the kubelet does."""
        for each in self.operators:
            if not each.alive:
                each.start()


@dataclasses.dataclass(frozen=True, slots=True)
class SharingCrew(Crew):
    """Operators that share the work as `values` of the chart say, and who has which slot."""

    values: tuple[str, ...] = SHARING

    def share(self, *, replicas: int, values: Sequence[str] = ()) -> list[operator.Operator]:
        """Have so many operators share the work, with more values of the chart."""
        return operator.run(self.owner, replicas=replicas, values=(*self.values, *values))

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
        kube.wait_until(f"shared by {sorted(chosen)}", lambda: self.is_shared(chosen))

    def others(self, victim: operator.Operator) -> set[str]:
        """Return the names of all but one."""
        return {each.name for each in self.operators} - {victim.name}


@contextlib.contextmanager
def opened(folder: Path, *, replicas: int, values: Sequence[str] = ()) -> Iterator[Place]:
    """A cluster of its own with so many operators, which no other test uses."""
    with conftest.cluster_of_its_own(folder, SETTINGS) as one:
        operator.run(one, replicas=replicas, values=values)
        yield Place(api=one.client, cluster=one)


def run_shops(kube: Kube, names: Sequence[str], replicas: int) -> list[App]:
    """Have several applications come up, one in four of whose servers may be away."""
    rollout = {"maxUnavailable": max(1, replicas // 4)}
    apps = [kube.app(component(replicas=replicas, rollout=rollout), name=name) for name in names]
    for each in apps:
        each.apply()
    for each in apps:
        each.wait_ready()
    return apps

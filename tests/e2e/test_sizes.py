"""As much as somebody with rights can write, on a real API server: nobody else waits for it.

A cluster of its own: what is heavy here would slow down other tests.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from devcluster import client, controlplane, operator, processes
from tests.e2e import conftest
from tests.e2e.driving import App, Kube, Place, component, condition
from tests.e2e.test_crashes import LEASE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long(
        reason="the largest that etcd takes; the simulation has hundreds of operations"
    ),
]

# Six times as many as may be open. With 2,000 it holds as well, in minutes.
OPERATIONS = 600
KILOBYTE = 1024
PATIENCE_SECONDS = 600


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster that no other test uses, with one operator."""
    settings = controlplane.Settings(nodes=4, audit="full")
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("sizes"), settings) as one:
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """The namespace of whoever writes much."""
    yield from conftest.namespace_of(place, slack=60.0)


@pytest.fixture
def neighbour(place: Place) -> Iterator[Kube]:
    """Another tenant's namespace."""
    yield from conftest.namespace_of(place, slack=60.0)


def come_and_go(kube: Kube) -> None:
    """Have an application live its life in the namespace of somebody else."""
    other = kube.app(component(replicas=2))
    other.apply()
    other.wait_ready()
    other.delete()
    other.wait_gone()


def largest(app: App) -> int:
    """Return the bytes of the largest of the application's servers."""
    return max(len(json.dumps(each)) for each in app.servers().values())


def test_hundreds_of_operations_end_and_keep_nobody_waiting(kube: Kube, neighbour: Kube) -> None:
    """Each ends, done or refused; servers do not grow by them; the application's delete is through.

    Meanwhile another tenant's application comes up, and goes.
    """
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    for number in range(OPERATIONS):
        spec = {"application": "shop", "action": "Start", "parameters": {"n": str(number)}}
        kube.create(
            Resource.OPERATIONS,
            {
                "apiVersion": "argosy.dev/v1alpha1",
                "kind": "Operation",
                "metadata": {"name": f"op-{number}"},
                "spec": spec,
            },
        )
        if number == OPERATIONS // 2:
            come_and_go(neighbour)

    def ends() -> collections.Counter[str]:
        found = kube.list(Resource.OPERATIONS).values()
        return collections.Counter(
            condition(each, "Succeeded").get("reason", "")
            for each in found
            if condition(each, "Succeeded").get("status") in ("True", "False")
        )

    kube.wait_until("all have ended", lambda: ends().total() == OPERATIONS, PATIENCE_SECONDS)
    assert set(ends()) <= {"Completed", "Failed"}
    assert largest(app) < 32 * KILOBYTE
    app.delete()
    app.wait_gone(Resource.OPERATIONS)


def test_an_application_as_large_as_etcd_takes_it(kube: Kube, neighbour: Kube) -> None:
    """Its components come up, another tenant's beside them, and all of it goes."""
    parts = [component(f"part{number}", replicas=1) for number in range(24)]
    for each in parts:
        values = [{"name": f"V{number}", "value": "x" * 5000} for number in range(10)]
        each["template"]["spec"]["containers"][0]["env"] = values
    app = kube.app(*parts)
    assert len(json.dumps(parts)) > 1100 * KILOBYTE
    app.apply()
    come_and_go(neighbour)
    app.wait_ready(PATIENCE_SECONDS)
    app.delete()
    app.wait_gone()


def test_a_lease_that_somebody_filled_or_took_is_the_operators_again(
    place: Place, kube: Kube
) -> None:
    """A quarter of a megabyte of annotations, another holder, and no Lease at all, in turn."""
    filled = {"metadata": {"annotations": {"robot.example.com/note": "x" * 250_000}}}
    taken = {"spec": {"holderIdentity": "stranger", "leaseTransitions": 2_000_000_000}}
    for body in (filled, taken, None):
        if body is None:
            place.api.delete(LEASE)
        else:
            place.api.merge(LEASE, body)
        revive(place)
        come_and_go(kube)


def revive(place: Place) -> None:
    """Start the operator again where it ended, as the kubelet does: who lost the Lease ends."""
    owner = place.cluster
    assert owner is not None

    def leads() -> bool:
        for each in operator.running(owner):
            if not each.alive:
                each.start()
        try:
            holder = place.api.get(LEASE)["spec"]["holderIdentity"]
        except client.ApiError:
            return False
        return holder not in {"", "stranger"}

    assert processes.wait_until(leads, 120), "nobody leads"

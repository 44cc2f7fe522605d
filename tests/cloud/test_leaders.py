"""Two operators and a real OpenStack: one leads, another takes over, nothing is made twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcluster import operator
from devcluster.openstack.fixtures import wait_for
from tests.cloud.conftest import VALUES, World
from tests.cloud.test_applications import FAKE, names

pytestmark = pytest.mark.cloud

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{operator.NAMESPACE}/leases/argosy-leader"


@pytest.fixture
def two(world: World) -> Iterator[World]:
    """The world with a second operator; afterwards it has one again."""
    operator.run(world.cluster, replicas=2, values=VALUES)
    yield world
    operator.run(world.cluster, values=VALUES)


def leads(world: World, one: operator.Operator) -> bool:
    """Return whether the Lease is this operator's."""
    spec = world.cluster.client.get(LEASE)["spec"]
    return str(spec.get("holderIdentity") or "").startswith(one.name)


def test_a_leader_that_freezes_among_creates_costs_no_server_twice(two: World) -> None:
    """The other finds what was posted; the first one wakes with calls at hand and makes nothing."""
    operators = operator.running(two.cluster)
    wait_for("a leader", lambda: any(leads(two, each) for each in operators))
    first, second = sorted(operators, key=lambda each: not leads(two, each))
    spec = {**FAKE, "metadata": {"argosy-host.spawn": "2"}}
    two.apply("frozen", 8, spec, "cloud")
    wait_for("a first server", lambda: bool(two.made("frozen")))
    first.pause()
    try:
        wait_for("another leader", lambda: leads(two, second))
    finally:
        first.resume()
    two.wait_ready("frozen", 8)
    wait_for(
        "one of each", lambda: two.made("frozen") == names("frozen", 8), lambda: two.made("frozen")
    )
    two.delete("frozen")

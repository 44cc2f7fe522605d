"""A real kubelet resizes the containers of servers that run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from devcluster import cluster, controlplane, operator
from tests.e2e import conftest, driving, stations
from tests.e2e.driving import Kube, Place

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.realnode,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real node needs root"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster whose only node is real, the servers' image on it, and one operator."""
    if conftest.is_given():
        pytest.skip("this needs a cluster of our own")
    one = cluster.Cluster(tmp_path_factory.mktemp("real"))
    try:
        one.start(controlplane.Settings(nodes=0, real_node=True, audit="full"))
        stations.build(one, tmp_path_factory.mktemp("station"))
        operator.run(one)
        yield Place(api=one.client, cluster=one)
    finally:
        one.stop()


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place, slack=20.0)


def test_a_size_reaches_real_containers_and_none_restarts(kube: Kube) -> None:
    """The kubelet says the new amounts of the containers that ran before.

    What no node has is refused and told, and the pods run on as they were. Another QoS class takes
    new pods.
    """
    app = kube.app(stations.component(replicas=2))
    app.container()["resources"] = {"requests": {"cpu": "10m", "memory": "32Mi"}}
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    app.container()["resources"] = {"requests": {"cpu": "20m", "memory": "40Mi"}}
    app.apply()
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    for pod in app.pods().values():
        (status,) = pod["status"]["containerStatuses"]
        assert status["restartCount"] == 0
        assert status["resources"]["requests"] == {"cpu": "20m", "memory": "40Mi"}
    app.container()["resources"] = {"requests": {"cpu": "400", "memory": "40Mi"}}
    app.apply()
    told = app.wait_for_reason("FailureBudgetSpent")
    assert "node didn't have enough allocatable resources" in told["message"]
    assert driving.uids(app.pods()) == before
    app.container()["resources"] = {"requests": {"cpu": "20m", "memory": "40Mi"}}
    app.apply()
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    app.container()["resources"] = {"limits": {"cpu": "20m", "memory": "40Mi"}}
    app.apply()
    app.wait_ready()
    assert not {*driving.uids(app.pods()).values()} & {*before.values()}

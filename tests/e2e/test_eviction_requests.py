"""A cluster that serves EvictionRequests (KEP-4563), an alpha that is off by default in 1.37."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.api.resources import Resource
from devcluster import controlplane, operator
from tests.e2e import conftest, hindsight
from tests.e2e.driving import App, Kube, Place, component

pytestmark = pytest.mark.e2e

GATE = "--feature-gates=EvictionRequestAPI=true"
SERVED = "--runtime-config=lifecycle.k8s.io/v1alpha1=true"
FLAGS = {controlplane.APISERVER: [GATE, SERVED], controlplane.CONTROLLERS: [GATE]}
WHO = "robot.example.com/tidy"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster with the feature gate, and an operator that nobody told of it."""
    settings = controlplane.Settings(nodes=4, audit="full", flags=FLAGS)
    with conftest.cluster_of_its_own(tmp_path_factory.mktemp("evictions"), settings) as one:
        operator.run(one)
        yield Place(api=one.client, cluster=one)


@pytest.fixture
def kube(place: Place) -> Iterator[Kube]:
    """A namespace of that cluster, judged as everywhere."""
    yield from conftest.namespace_of(place)


def ask(app: App, pod: str) -> None:
    """Ask for the eviction of a pod, as a rebalancer does."""
    uid = app.pods()[pod]["metadata"]["uid"]
    app.kube.create(
        Resource.EVICTION_REQUESTS,
        {
            "apiVersion": "lifecycle.k8s.io/v1alpha1",
            "kind": "EvictionRequest",
            "metadata": {"name": f"tidy-{pod}"},
            "spec": {
                "target": {"pod": {"name": pod, "uid": uid}},
                "requester": WHO,
                "intent": "Eviction",
            },
        },
    )


def test_a_server_whose_eviction_is_asked_for_moves_within_the_surge(kube: Kube) -> None:
    """The only server of a component that lets none be down: a spare one stands in for it.

    Kubernetes' own evictor is refused by the budget until then, and may come first afterwards.
    """
    app = kube.app(component(replicas=1, rollout={"maxUnavailable": 0, "maxSurge": 1}))
    app.apply()
    app.wait_ready()
    before = app.pods()["shop-web-0"]["metadata"]["uid"]
    ask(app, "shop-web-0")

    def has_moved() -> bool:
        pods = app.pods()
        return list(pods) == ["shop-web-0"] and pods["shop-web-0"]["metadata"]["uid"] != before

    kube.wait_until("it is another pod, and the spare one has gone", has_moved)
    app.wait_ready()
    assert hindsight.fewest_ready(kube.history(), 1) == 1

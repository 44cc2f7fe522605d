"""Admission webhooks over pods, as a real API server asks them: told, no failure, over when mended.

One that nobody serves, a quota and a LimitRange are in `test_outcomes`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from controller.api import resources
from controller.api.resources import Resource
from devcluster import cluster, fixtures
from tests.e2e import driving, reviewers
from tests.e2e.conftest import namespace_of
from tests.e2e.driving import App, Kube, Place, component
from tests.e2e.terminals import Terminal

pytestmark = pytest.mark.e2e

CIRCUIT = {"minimumCalls": 4, "openSeconds": 20}
# As the API server says that something kept it waiting.
SLOW = "Timeout: request did not complete"
# The least patient policy: any failure that counts is the end.
STRICT = {"attempts": 1, "giveUp": True, "failureBudget": 0}


@pytest.fixture
def owner(operated: Place) -> cluster.Cluster:
    """The cluster of all tests, whose API server asks webhooks on this machine."""
    if fixtures.GIVEN in os.environ or operated.cluster is None:
        pytest.skip(f"{fixtures.GIVEN} is set: its API server cannot ask this machine")
    return operated.cluster


@pytest.fixture
def neighbour(operated: Place) -> Iterator[Kube]:
    """A namespace of another tenant's."""
    yield from namespace_of(operated)


def reasons(app: App) -> set[str]:
    """Return why its servers wait."""
    return {one["reason"] for one in app.blocked_by().values()}


def blamed(app: App) -> list[str]:
    """Return the servers that have an attempt counted."""
    found = []
    for name, each in app.servers().items():
        attempts = each.get("status", {}).get("attempts", {})
        if attempts.get("count") or attempts.get("exhausted"):
            found.append(name)
    return found


def why(owner: cluster.Cluster, kube: Kube) -> str:
    """Return the answer of `kubectl argosy why` for the application."""
    return Terminal(owner.kubeconfig, kube.namespace).run("why", "application/shop")


def test_a_webhook_that_is_slower_than_anybody_waits(
    owner: cluster.Cluster, kube: Kube, neighbour: Kube
) -> None:
    """It is told in the API server's words, is nobody's failure, and delays no other namespace."""
    # One fleet for both, whose circuits are quick.
    fleet = f"shared-{kube.namespace}"
    kube.api.create(
        resources.path(Resource.FLEETS, ""),
        {
            "apiVersion": "argosy.dev/v1alpha1",
            "kind": "Fleet",
            "metadata": {"name": fleet},
            "spec": {"provider": "pod", "limits": {"circuit": CIRCUIT}},
        },
    )
    app = kube.app(component(replicas=8, recovery=STRICT), fleet=fleet)
    with reviewers.over(owner, kube, reviewers.linger) as reviewer:
        app.apply()
        kube.wait_until("it is told", lambda: "Timeout: " in app.says("Ready").get("message", ""))
        # An API server that has begun to answer as the time is up hangs up instead.
        told = (SLOW, f"Namespace/{kube.namespace}")
        kube.wait_until("why tells it", lambda: all(map(why(owner, kube).__contains__, told)))
        kube.wait_until("it is asked again", lambda: reviewer.asked >= 4)
        assert blamed(app) == []
        kube.wait_until("its namespace is held", lambda: "CircuitOpen" in reasons(app))
        # Another tenant's pods are made while all of its own wait.
        shop = neighbour.app(component(replicas=2), fleet=fleet)
        shop.apply()
        shop.wait_ready()
        assert app.pods() == {}
        found = kube.api.get(resources.path(Resource.FLEETS, "", fleet))
        assert found["status"]["circuit"] == "Closed"
        reviewer.mend(reviewers.allow)
        app.wait_ready()
        assert blamed(app) == []
        assert not app.blocked_by()


def test_a_webhook_that_denies(owner: cluster.Cluster, kube: Kube) -> None:
    """Its words are told with its name; once it lets pods pass, all come up by themselves."""
    app = kube.app(component(replicas=3, recovery={"backoff": {"maxSeconds": 2}}))
    with reviewers.over(owner, kube, reviewers.deny) as reviewer:
        app.apply()
        kube.wait_until(
            "it is told",
            lambda: any(
                "no pods on Fridays" in one["message"] for one in app.blocked_by().values()
            ),
        )
        said = why(owner, kube)
        assert "no pods on Fridays" in said
        assert reviewers.NAME in said
        assert not app.pods()
        reviewer.mend(reviewers.allow)
        app.wait_ready()
        assert not app.blocked_by()


def test_a_webhook_that_changes_pods(owner: cluster.Cluster, kube: Kube) -> None:
    """A label and a sidecar of its are left alone: nothing is mended, and nothing made anew."""
    app = kube.app(component(replicas=3))
    with reviewers.over(owner, kube, reviewers.inject):
        app.apply()
        app.wait_ready()
        before = app.pods()
        for each in before.values():
            assert each["metadata"]["labels"]["injected.example.com/by"] == "guard"
            assert [one["name"] for one in each["spec"]["containers"]] == ["main", "sidecar"]
        # A change that is made in place meets the sidecar, too.
        app.set_image("web:2")
        app.apply()
        app.wait_ready()
        kube.wait_until("all run it", lambda: app.counts().get("updated") == 3)
        after = app.pods()
        assert {name: each["metadata"]["uid"] for name, each in after.items()} == {
            name: each["metadata"]["uid"] for name, each in before.items()
        }
        versions = {name: each["metadata"]["resourceVersion"] for name, each in after.items()}
        app.annotate(look="again")
        app.wait_ready()
        assert {
            name: each["metadata"]["resourceVersion"] for name, each in app.pods().items()
        } == versions
        assert all(map(driving.is_ready, app.servers().values()))


def images(app: App) -> set[str]:
    """Return the images of its pods."""
    return {one["image"] for each in app.pods().values() for one in each["spec"]["containers"]}


def test_a_webhook_that_rewrites_images(owner: cluster.Cluster, kube: Kube) -> None:
    """What a mirror makes of images is what was asked: no drift, no fight, no write at rest."""
    app = kube.app(component(replicas=3))
    with reviewers.over(owner, kube, reviewers.mirror, "CREATE", "UPDATE") as reviewer:
        app.apply()
        app.wait_ready()
        assert images(app) == {f"{reviewers.MIRROR}app:1"}
        # Another label of a pod, and a change in place, meet the webhook as well.
        kube.api.merge(
            resources.path(Resource.PODS, kube.namespace, "shop-web-0"),
            {"metadata": {"labels": {"team.example.com/own": "mine"}}},
        )
        app.set_image("web:2")
        app.apply()
        app.wait_ready()
        kube.wait_until("all run it", lambda: app.counts().get("updated") == 3)
        assert images(app) == {f"{reviewers.MIRROR}web:2"}
        # Somebody's own image is an edit, mirrored or not, and goes.
        mine = [{"name": "main", "image": f"{reviewers.MIRROR}mine:1"}]
        kube.api.strategic(
            resources.path(Resource.PODS, kube.namespace, "shop-web-1"),
            {"spec": {"containers": mine}},
        )
        kube.wait_until("it is put back", lambda: images(app) == {f"{reviewers.MIRROR}web:2"})
        app.wait_ready()
        versions = {name: each["metadata"]["resourceVersion"] for name, each in app.pods().items()}
        asked = reviewer.asked
        for number in range(3):
            app.annotate(look=f"again-{number}")
            app.wait_ready()
        assert {
            name: each["metadata"]["resourceVersion"] for name, each in app.pods().items()
        } == versions
        assert reviewer.asked == asked
        assert not app.blocked_by()

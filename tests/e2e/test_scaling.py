"""Servers are added and taken away on a real API server, by whoever owns the replicas."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api import names, resources
from controller.api.resources import Resource
from devcluster import client
from tests.e2e import driving, hindsight
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e


def _resize(app: App, replicas: int) -> None:
    app.component()["replicas"] = replicas
    app.apply()
    app.wait_ready()


def test_apply_adds_and_takes_away_the_highest(kube: Kube) -> None:
    """Servers that stay are not touched; those that go are the highest, those that come lowest."""
    app = kube.app(component(replicas=4))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    _resize(app, 7)
    grown = driving.uids(app.pods())
    assert set(grown) == app.pod_names()
    assert before.items() <= grown.items()
    _resize(app, 2)
    kube.wait_until("five are gone", lambda: set(app.pods()) == app.pod_names())
    assert driving.uids(app.pods()).items() <= before.items()
    assert set(app.servers()) == app.pod_names()


def test_application_scales_to_nothing_and_back(kube: Kube) -> None:
    """No servers is a size as any other, and a ready one."""
    app = kube.app(component(replicas=3))
    app.apply()
    app.wait_ready()
    _resize(app, 0)
    kube.wait_until("no server is left", lambda: not app.pods() and not app.servers())
    _resize(app, 2)
    assert set(app.pods()) == app.pod_names()


def test_marked_servers_go_first_then_the_unhealthy(kube: Kube) -> None:
    """What people marked delete-first goes before what is ill, and that before the highest."""
    app = kube.app(component(replicas=5))
    app.apply()
    app.wait_ready()
    mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "true"}}}
    kube.patch(Resource.SERVERS, "shop-web-0", mark)
    kube.annotate(Resource.PODS, "shop-web-2", outcome="unready")
    kube.wait_until("one is ill", lambda: app.counts().get("available") == 4)
    app.component()["replicas"] = 4
    app.apply()
    kube.wait_until("one is gone", lambda: len(app.servers()) == 4)
    assert "shop-web-0" not in app.servers()
    app.component()["replicas"] = 3
    app.apply()
    app.wait_ready()
    # The lowest free ordinals are used for growth only: what stays keeps its name.
    assert set(app.servers()) == {"shop-web-1", "shop-web-3", "shop-web-4"}
    _resize(app, 4)
    assert set(app.servers()) == {"shop-web-0", "shop-web-1", "shop-web-3", "shop-web-4"}


def test_servers_with_claims_go_strictly_from_the_top(kube: Kube) -> None:
    """With volumeClaims neither marks nor illness change the order."""
    volume = {
        "name": "data",
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    app = kube.app(component(replicas=3, volumeClaims=[volume]))
    app.apply()
    app.wait_ready()
    mark = {"metadata": {"annotations": {names.DELETE_FIRST_ANNOTATION: "true"}}}
    kube.patch(Resource.SERVERS, "shop-web-0", mark)
    _resize(app, 2)
    assert set(app.servers()) == {"shop-web-0", "shop-web-1"}


def test_replicas_left_out_belong_to_whoever_scales(kube: Kube) -> None:
    """Scaled by the subresource, a set keeps its size through later applies of the application."""
    app = kube.app(component(replicas=None))
    app.apply()
    app.wait_ready()
    assert len(app.servers()) == 1
    kube.scale("shop-web", 5)
    kube.wait_until("five are available", lambda: app.counts().get("available") == 5)
    app.set_image("app:2")
    app.wait_ready()
    assert len(app.servers()) == 5
    assert app.counts()["desired"] == 5
    scale = kube.api.get(resources.path(Resource.SERVERSETS, kube.namespace, "shop-web", "scale"))
    assert scale["spec"]["replicas"] == scale["status"]["replicas"] == 5
    pods = resources.path(Resource.PODS, kube.namespace)
    listed = kube.api.get(f"{pods}?labelSelector={scale['status']['selector']}")
    assert len(listed["items"]) == 5
    kube.scale("shop-web", 2)
    kube.wait_until("two are left", lambda: len(app.pods()) == 2)
    app.wait_ready()


def test_an_application_of_one_component_is_scaled_as_one(kube: Kube) -> None:
    """Its own subresource gives it a number; applies leave that, and the set cannot change it."""
    app = kube.app(component(replicas=None))
    app.apply()
    app.wait_ready()

    def scale(replicas: int) -> None:
        kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"replicas": replicas}}, "scale")

    scale(5)
    kube.wait_until("five are available", lambda: app.counts().get("available") == 5)
    before = driving.uids(app.pods())
    app.set_image("app:2")
    app.wait_ready()
    assert set(driving.uids(app.pods())) == set(before)
    told = kube.api.get(resources.path(Resource.APPLICATIONS, kube.namespace, "shop", "scale"))
    assert told["spec"]["replicas"] == told["status"]["replicas"] == 5
    pods = resources.path(Resource.PODS, kube.namespace)
    listed = kube.api.get(f"{pods}?labelSelector={told['status']['selector']}")
    assert len(listed["items"]) == 5
    kube.scale("shop-web", 3)
    kube.wait_until(
        "the application wins",
        lambda: (found := app.set_of()) is not None and found["spec"]["replicas"] == 5,
    )
    assert set(app.pods()) == set(before)
    scale(2)
    kube.wait_until("two are left", lambda: len(app.pods()) == 2)
    app.wait_ready()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([component(replicas=2)], "must not be named by the application and by its component"),
        (
            [component(replicas=None), component("db", replicas=None)],
            "must not stand beside several components",
        ),
    ],
    ids=["named", "several"],
)
def test_an_application_whose_number_is_not_one_cannot_be_scaled(
    kube: Kube, parts: list[dict[str, Any]], words: str
) -> None:
    """The API server refuses it in words that say what to do, and nothing changes."""
    app = kube.app(*parts)
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    with pytest.raises(client.ApiError, match=words):
        kube.patch(Resource.APPLICATIONS, "shop", {"spec": {"replicas": 5}}, "scale")
    app.wait_ready()
    assert driving.uids(app.pods()) == before


def test_replicas_are_handed_over_without_losing_servers(kube: Kube) -> None:
    """Dropped from the manifest, replicas stay what they were and are the scaler's from then on."""
    app = kube.app(component(replicas=5))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    del app.component()["replicas"]
    app.apply()
    app.wait_ready()
    assert driving.uids(app.pods()) == before
    kube.scale("shop-web", 6)
    kube.wait_until("six are available", lambda: app.counts().get("available") == 6)
    assert before.items() <= driving.uids(app.pods()).items()
    assert hindsight.most_alive(kube.history(), "servers") == 6
    # And back: named again, the application's word counts.
    app.component()["replicas"] = 4
    app.apply()
    app.wait_ready()
    kube.wait_until("four are left", lambda: len(app.pods()) == 4)


def test_override_of_named_replicas_is_undone_and_reported(kube: Kube) -> None:
    """Who scales a set whose replicas the application names is told, and overruled."""
    app = kube.app(component(replicas=2))
    app.apply()
    app.wait_ready()
    before = driving.uids(app.pods())
    kube.scale("shop-web", 4)
    events = f"/apis/events.k8s.io/v1/namespaces/{kube.namespace}/events"

    def told() -> bool:
        return any(each["reason"] == "ReplicasOverridden" for each in kube.api.get(events)["items"])

    kube.wait_until("an Event reports it", told)
    kube.wait_until(
        "the application wins",
        lambda: (found := app.set_of()) is not None and found["spec"]["replicas"] == 2,
    )
    kube.wait_until("two servers are left", lambda: len(app.servers()) == 2)
    kube.wait_until("their pods are left", lambda: driving.uids(app.pods()) == before)
    app.wait_ready()


def test_scaling_down_overtakes_scaling_up(kube: Kube) -> None:
    """A change of mind in the middle of a large scale-up is obeyed at once."""
    app = kube.app(component(replicas=2, hooks={"delay": "2s"}))
    app.apply()
    app.wait_ready()
    app.component()["replicas"] = 300
    app.apply()
    kube.wait_until("some are made", lambda: len(app.servers()) > 20)
    app.component()["replicas"] = 5
    app.apply()
    app.wait_ready()
    kube.wait_until("five are left", lambda: set(app.pods()) == app.pod_names())
    assert set(app.servers()) == app.pod_names()

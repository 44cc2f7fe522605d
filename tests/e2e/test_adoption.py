"""What Argosy let go of is taken up again on a real API server, as it runs."""

from __future__ import annotations

import pytest

from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import App, Kube, component

pytestmark = pytest.mark.e2e

CLAIM = {
    "name": "data",
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def test_orphaned_children_are_taken_up_again(kube: Kube) -> None:
    """Applied again, the application has the same sets, servers, pods and claims, none restarted.

    Once the application was orphaned, then its set alone, then a server alone.
    """
    app = kube.app(component("db", replicas=2, volumeClaims=[CLAIM]))
    app.apply()
    app.wait_ready()
    before = _all_uids(app)
    app.delete("Orphan")
    kube.wait_until("the application is gone", lambda: app.found() is None)
    app.apply()
    app.wait_ready()
    assert _all_uids(app) == before
    kube.delete(Resource.SERVERSETS, "shop-db", "Orphan")
    kube.wait_until("its servers have a set", lambda: _is_controlled(app, Resource.SERVERS))
    app.wait_ready()
    kept = _all_uids(app)
    assert {key for key, uid in before.items() if kept[key] != uid} <= {
        (Resource.SERVERSETS, "shop-db"),
        (Resource.SERVICES, "shop-db"),
    }
    kube.delete(Resource.SERVERS, "shop-db-1", "Orphan")
    kube.wait_until("the pod has a server", lambda: _is_controlled(app, Resource.PODS))
    app.wait_ready()
    after = _all_uids(app)
    assert {key for key, uid in kept.items() if after[key] != uid} == {
        (Resource.SERVERS, "shop-db-1")
    }
    app.delete()
    app.wait_gone(Resource.CLAIMS)


def _all_uids(app: App) -> dict[tuple[Resource, str], str]:
    kinds = (Resource.SERVERSETS, Resource.SERVICES, Resource.SERVERS, Resource.PODS)
    return {
        (resource, name): uid
        for resource in (*kinds, Resource.REVISIONS, Resource.CLAIMS)
        for name, uid in driving.uids(app.kube.list(resource, application=app.name)).items()
    }


def _is_controlled(app: App, resource: Resource) -> bool:
    """Return whether two objects are there, stay, and have a controller that is there."""
    above = {Resource.SERVERS: Resource.SERVERSETS, Resource.PODS: Resource.SERVERS}[resource]
    owners = set(driving.uids(app.kube.list(above, application=app.name)).values())
    found = app.kube.list(resource, application=app.name).values()
    return len(found) == 2 and all(
        "deletionTimestamp" not in each["metadata"]
        and {o["uid"] for o in each["metadata"].get("ownerReferences", ())} <= owners
        and each["metadata"].get("ownerReferences")
        for each in found
    )

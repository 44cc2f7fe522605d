"""A StatefulSet of a real cluster comes in by one command and goes out by another."""

from __future__ import annotations

import pytest

from controller.api import names
from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, Object
from tests.e2e.terminals import Terminal, kube, place, terminal

__all__ = ["kube", "place", "terminal"]

pytestmark = pytest.mark.e2e

NAME = "shop-db"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
SET: Object = {
    "metadata": {"name": NAME},
    "spec": {
        "replicas": 3,
        "serviceName": NAME,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "main", "image": "app:1"}]},
        },
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
    },
}


def test_a_stateful_set_comes_in_and_goes_out_again(terminal: Terminal, kube: Kube) -> None:
    """No pod and no claim is made anew, on the way in nor out, and labels of others stay."""
    kube.create(Resource.STATEFULSETS, SET)
    kube.wait_until("the pods are ready", lambda: are_ready(kube))
    before = kept(kube)
    shown = terminal.run("import", f"statefulset/{NAME}")
    assert "adopt:" in shown
    assert kube.get(Resource.APPLICATIONS, "shop") is None
    said = terminal.run("import", f"statefulset/{NAME}", "--no-dry-run")
    assert "3 of 3 pods run on as they were" in said
    assert kept(kube) == before
    target = (kube.app(name="shop").set_of("db") or {})["spec"]["revision"]
    pods = kube.list(Resource.PODS, application="shop").values()
    assert {each["metadata"]["labels"][names.REVISION_LABEL] for each in pods} == {target}
    assert "StatefulSet" in terminal.run("export", "shop")
    said = terminal.run("export", "shop", "--no-dry-run")
    assert "3 of 3 run on as they were" in said
    kube.wait_until("its pods are its own again", lambda: _is_its_own(kube))
    assert kept(kube) == before
    kube.delete(Resource.STATEFULSETS, NAME)


def test_a_deployment_is_shifted(terminal: Terminal, kube: Kube) -> None:
    """Its pods go as servers come up, and in the end it has none."""
    kube.create(
        Resource.DEPLOYMENTS,
        {
            "metadata": {"name": "shop-web"},
            "spec": {key: SET["spec"][key] for key in ("replicas", "selector", "template")},
        },
    )
    kube.wait_until("the pods are ready", lambda: are_ready(kube))
    said = terminal.run("import", "deployment/shop-web", "--no-dry-run")
    assert "has no pods left" in said
    kube.wait_until(
        "only servers are left",
        lambda: set(kube.list(Resource.PODS)) == {f"shop-web-{number}" for number in range(3)},
    )
    found = kube.get(Resource.DEPLOYMENTS, "shop-web") or {}
    assert found["spec"]["replicas"] == 0
    kube.app(name="shop").wait_ready()


def are_ready(kube: Kube) -> bool:
    found = kube.list(Resource.PODS).values()
    return len(found) == 3 and all(map(driving.is_ready, found))


def _is_its_own(kube: Kube) -> bool:
    """Return whether the StatefulSet has all its pods, and none left to update."""
    found = kube.get(Resource.STATEFULSETS, NAME) or {}
    status = found.get("status", {})
    return bool(status.get("readyReplicas") == status.get("updatedReplicas") == 3)


def kept(kube: Kube) -> dict[tuple[Resource, str], Object]:
    """Return what must stay of pods and claims: their UIDs, and labels of others."""
    return {
        (resource, name): {
            "uid": each["metadata"]["uid"],
            "labels": {
                key: value
                for key, value in each["metadata"].get("labels", {}).items()
                if not key.startswith(names.GROUP)
            },
        }
        for resource in (Resource.PODS, Resource.CLAIMS)
        for name, each in kube.list(resource).items()
    }

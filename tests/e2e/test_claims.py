"""Claims that are asked to grow, on a real API server, which knows what storage classes allow."""

from __future__ import annotations

from typing import Any

import pytest

from controller.api.resources import Resource
from tests.e2e import driving
from tests.e2e.driving import Kube, Object, component

pytestmark = pytest.mark.e2e

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"


def _storage(kube: Kube, *, grows: bool) -> str:
    """Make a storage class of which volumes may, or may not, grow; return its name."""
    name = f"{kube.namespace}-{'elastic' if grows else 'rigid'}"
    kube.api.create(
        CLASSES,
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": "example.com/none",
            "allowVolumeExpansion": grows,
        },
    )
    return name


def _volume(kube: Kube, storage_class: str, claim: str) -> None:
    """Make the volume of one claim, which the control plane binds."""
    kube.api.create(
        VOLUMES,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{kube.namespace}-{claim}"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "storageClassName": storage_class,
                "hostPath": {"path": f"/nowhere/{claim}"},
                "claimRef": {"namespace": kube.namespace, "name": claim},
            },
        },
    )


def _db(storage_class: str, storage: str) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": storage}},
    }
    claims: list[dict[str, Any]] = [{"name": "data", "spec": spec}]
    return component("db", replicas=2, volumeClaims=claims)


@pytest.mark.parametrize("grows", [True, False], ids=["elastic", "rigid"])
def test_claims_grow_where_their_class_allows_it(kube: Kube, *, grows: bool) -> None:
    """No pod is restarted either way; the size, or the refusal, is seen on the objects."""
    storage_class = _storage(kube, grows=grows)
    names = ("data-shop-db-0", "data-shop-db-1")
    for each in names:
        _volume(kube, storage_class, each)
    app = kube.app(_db(storage_class, "1Gi"))
    app.apply()
    app.wait_ready()
    kube.wait_until(
        "the volumes are seen",
        lambda: all(
            each["status"].get("claims") == [{"name": "data", "size": "1Gi"}]
            for each in app.servers("db").values()
        ),
    )
    before = driving.uids(app.pods("db"))
    app.spec["components"] = [_db(storage_class, "2Gi")]
    app.apply()
    if grows:
        kube.wait_until(
            "the claims ask for more",
            lambda: {_asked(each) for each in kube.list(Resource.CLAIMS).values()} == {"2Gi"},
        )
    else:
        told = kube.wait_until(
            "the application tells",
            lambda: [
                each for each in app.blocked_by().values() if each["reason"] == "ClaimCannotGrow"
            ],
        )
        assert "resize" in told[0]["message"]
    app.wait_ready()
    assert driving.uids(app.pods("db")) == before
    app.delete()
    app.wait_gone(Resource.CLAIMS)


def _asked(claim: Object) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])

"""Storage classes and volumes of one test: nothing in a cluster of fake nodes provisions any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from controller.api.resources import Resource
from devcluster import client
from tests.e2e.driving import Kube, Object

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"


def provide(api: client.Client, folder: Path, count: int, size: str) -> None:
    """Make a default StorageClass, and as many volumes on the host's disk for claims of it."""
    meta = {
        "name": "standard",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
    given = {"provisioner": "kubernetes.io/no-provisioner", "metadata": meta}
    api.create(CLASSES, {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", **given})
    for number in range(count):
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size},
            "storageClassName": "standard",
            "hostPath": {"path": f"{folder}/{number}", "type": "DirectoryOrCreate"},
        }
        body = {"apiVersion": "v1", "kind": "PersistentVolume", "spec": spec}
        api.create(VOLUMES, {**body, "metadata": {"name": f"volume-{number}"}})


def made(kube: Kube, *, grows: bool) -> str:
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


def volume(
    kube: Kube,
    storage_class: str,
    claim: str,
    *,
    modes: Sequence[str] = ("ReadWriteOnce",),
    size: str = "1Gi",
) -> None:
    """Make the volume of one claim, which the control plane binds."""
    kube.api.create(
        VOLUMES,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{kube.namespace}-{claim}"},
            "spec": {
                "accessModes": [*modes],
                "capacity": {"storage": size},
                "storageClassName": storage_class,
                "hostPath": {"path": f"/nowhere/{claim}"},
                "claimRef": {"namespace": kube.namespace, "name": claim},
            },
        },
    )


def asked(kube: Kube) -> set[str]:
    """Return how much the claims of the namespace ask for."""
    return {_requested(each) for each in kube.list(Resource.CLAIMS).values()}


def _requested(claim: Object) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])

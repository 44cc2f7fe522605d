"""Who controls whom: owner references, and the metadata that all that Argosy makes begins with."""

from __future__ import annotations

from typing import Any

from controller.api import names, objects
from controller.api.resources import PLACES, Resource


def owner_reference(resource: Resource, owner: objects.Object) -> dict[str, Any]:
    """Return the reference that makes `owner` the controller, waited for by a foreground delete."""
    return reference(resource, owner.metadata.name, owner.metadata.uid)


def reference(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """Return the same for an owner of which no more is known than its name and UID."""
    return {
        "apiVersion": PLACES[resource].api_version,
        "kind": PLACES[resource].kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(child: objects.Object, owner: objects.Object) -> bool:
    """Return whether `owner`, this very object and none of its name before, controls `child`."""
    uid = owner.metadata.uid
    return any(each.controller and each.uid == uid for each in child.metadata.owner_references)


def kind_of(resource: Resource) -> dict[str, str]:
    """Return what a body of that resource begins with: apiVersion and kind."""
    place = PLACES[resource]
    return {"apiVersion": place.api_version, "kind": place.kind}


def metadata_of(
    resource: Resource, owner: objects.Object, application: str, component: str, name: str
) -> dict[str, Any]:
    """Return the metadata of a child of `owner`: its name, labels and controller."""
    return {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": names.labels(application, component),
        "ownerReferences": [owner_reference(resource, owner)],
    }

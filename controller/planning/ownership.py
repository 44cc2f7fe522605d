"""Who controls whom: owner references, and the metadata that all that Argosy makes begins with.

An object that Argosy made and let go of (a delete that orphans, a reference taken off by hand) is
known by its labels, and is taken up again as it is: by planners that see it, and by whoever finds
the name of what is to be made in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from controller.api import names, objects
from controller.api.resources import PLACES, Resource
from controller.planning import writes
from controller.planning.plan import Patch

# The labels by which an object says whose it is; others may be anybody's.
_IDENTITY = (names.APPLICATION_LABEL, names.COMPONENT_LABEL, names.SERVER_LABEL)


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


def is_let_go(found: objects.Meta, labels: Mapping[str, str]) -> bool:
    """Return whether Argosy made `found` under these labels, and nobody controls it any more.

    An object on its way out is nobody's to take up.
    """
    if found.controller is not None or found.deletion_timestamp is not None:
        return False
    identity = {key: labels[key] for key in _IDENTITY if key in labels}
    return bool(identity) and not names.missing_or_changed(found.labels, identity)


def taken_up(found: objects.Meta, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of the patch that makes the owner of `reference` the controller.

    Only of the very version that was seen: somebody else may be about to take it. Other owners,
    which do not control it, stay.
    """
    others = msgspec.to_builtins(found.owner_references)
    return {
        "uid": found.uid,
        "resourceVersion": found.resource_version,
        "ownerReferences": [*others, dict(reference)],
    }


def take_up(found: objects.Object, owned: Resource, owner: objects.Object) -> Patch:
    """Return the patch by which `owner`, of the resource `owned`, controls `found` again."""
    meta = found.metadata
    body = taken_up(meta, owner_reference(owned, owner))
    return writes.patch(
        found,
        body={"metadata": {"ownerReferences": body["ownerReferences"]}},
        why="Argosy made it and let go of it: it is taken up as it is",
        guarded=True,
    )


def kind_of(resource: Resource) -> dict[str, str]:
    """Return what a body of that resource begins with: apiVersion and kind."""
    place = PLACES[resource]
    return {"apiVersion": place.api_version, "kind": place.kind}


def metadata_of(
    resource: Resource,
    owner: objects.Object,
    application: str,
    component: str,
    name: str,
    *,
    asked: objects.AskedMetadata | None = None,
) -> dict[str, Any]:
    """Return the metadata of a child of `owner`: its name, labels and controller.

    The metadata that people `asked` for stands beside that, and never in its place.
    """
    more = asked or objects.AskedMetadata()
    return {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": {**more.labels, **names.labels(application, component)},
        **({"annotations": dict(more.annotations)} if more.annotations else {}),
        "ownerReferences": [owner_reference(resource, owner)],
    }

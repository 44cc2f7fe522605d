"""Our finalizer, put on before anything below an object is made, taken off when nothing is left.

Called by the Application and ServerSet planners.
"""

from __future__ import annotations

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning.plan import Patch


def add(resource: Resource, owner: objects.Object) -> Patch:
    """Return the patch that adds our finalizer."""
    wanted = (*owner.metadata.finalizers, names.FINALIZER)
    return _patch(resource, owner, wanted, "it comes before anything below it is made")


def remove(resource: Resource, owner: objects.Object) -> Patch:
    """Return the patch that removes our finalizer and no other."""
    wanted = tuple(each for each in owner.metadata.finalizers if each != names.FINALIZER)
    return _patch(resource, owner, wanted, "nothing that it guards is left")


def _patch(
    resource: Resource, owner: objects.Object, wanted: tuple[str, ...], reason: str
) -> Patch:
    meta = owner.metadata
    # A list replaces a list: guarded by the version, lest another's finalizer get lost.
    return Patch(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        body={"metadata": {"finalizers": list(wanted)}},
        reason=reason,
        resource_version=meta.resource_version,
    )

"""Our finalizer, put on before anything below an object is made, taken off when nothing is left.

Called by every planner of an object that has it, and by the bare teardown.
"""

from __future__ import annotations

from controller.api import names, objects
from controller.api.resources import Resource
from controller.planning.plan import Patch


def add(resource: Resource, owner: objects.Object) -> Patch:
    """Return the patch that adds our finalizer."""
    wanted = (*owner.metadata.finalizers, names.FINALIZER)
    return _patch(resource, owner.metadata, wanted, "it comes before anything below it is made")


def remove(resource: Resource, owner: objects.Object) -> Patch:
    """Return the patch that removes our finalizer and no other."""
    return release(resource, owner.metadata)


def release(resource: Resource, meta: objects.Meta) -> Patch:
    """Return the patch that removes our finalizer, and no other, from the object of that `meta`."""
    wanted = tuple(each for each in meta.finalizers if each != names.FINALIZER)
    return _patch(resource, meta, wanted, "nothing that it guards is left")


def _patch(resource: Resource, meta: objects.Meta, wanted: tuple[str, ...], why: str) -> Patch:
    # A list replaces a list: guarded by the version, lest another's finalizer get lost.
    return Patch(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        body={"metadata": {"finalizers": list(wanted)}},
        why=why,
        resource_version=meta.resource_version,
    )

"""The teardown that no content can stop: it reads names, UIDs, owners and finalizers, no more.

Called by `execution` for an object that is being deleted and whose planner failed, or that cannot
even be read. What is below the object is deleted, and once nothing is, the object is let go.
Neither order nor policies hold then, which are content; and data is kept: no claim is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.api import names
from controller.api.resources import Resource
from controller.api.views.meta import Meta
from controller.contract import Call, Verb
from controller.planning import finalizers
from controller.planning.plan import Action, Delete

REASON = "its owner is being deleted, and planning that failed"
_HOLDS = "orphan"


def is_due(meta: Meta) -> bool:
    """Return whether the object is going and waits for Argosy to let it go."""
    held = meta.finalizers
    return meta.deletion_timestamp is not None and names.FINALIZER in held and _HOLDS not in held


def actions(
    resource: Resource, meta: Meta, below: Iterable[tuple[Resource, Meta]]
) -> tuple[Action, ...]:
    """Return the deletes of what is below the object; its release once nothing is."""
    below = tuple(below)
    if not below:
        return (finalizers.release(resource, meta),)
    return tuple(
        Delete(
            resource=each,
            namespace=child.namespace,
            name=child.name,
            uid=child.uid,
            # It may have been orphaned since.
            resource_version=child.resource_version,
            reason=REASON,
        )
        for each, child in below
        if child.deletion_timestamp is None
    )


def instance(meta: Meta, found: str | None) -> tuple[Action, ...]:
    """Return what to do about a server's instance: `found` is its id, None where it is not known.

    The instance has the grace of its own template: how long to drain is content, too.
    """
    if found is None:
        return ()
    if not found:
        return (finalizers.release(Resource.SERVERS, meta),)
    return (Call(verb=Verb.DELETE, reason="Deleted", instance=found),)

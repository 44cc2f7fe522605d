"""The teardown that no content can stop: it reads names, UIDs, owners and finalizers, no more.

Called by `execution` for an object that is being deleted and whose planner failed, or that cannot
even be read. All objects below it are deleted, and once none is left, the object is let go.
Neither order nor policies hold then, which are content; and data is kept: no claim is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from controller.api import objects, resources
from controller.api.resources import Resource
from controller.api.views.meta import Meta
from controller.contract import Call, Verb
from controller.planning import finalizers, writes
from controller.planning.caches import Caches, Index, Sources
from controller.planning.plan import Action, Delete

REASON = "the owner is being deleted, and planning that failed"


def is_due(meta: Meta) -> bool:
    """Return whether the object is going and waits for Argosy to let it go."""
    going = meta.deletion_timestamp is not None
    return going and finalizers.is_on(meta) and not finalizers.is_orphaning(meta)


def after(
    below: Index[Any] | None, view: type[objects.Object]
) -> Callable[[Sources, Meta], tuple[Action, ...]]:
    """Return what takes an object of that view down once nothing that it controls `below` is left.

    The index is by the UID of the controller.
    """
    resource = resources.of(view)

    def take_down(sources: Sources, meta: Meta) -> tuple[Action, ...]:
        children = () if below is None else tuple(_below(sources.caches, below, meta.uid))
        if not children:
            return (finalizers.release(resource, meta),)
        each = resources.of(below.view) if below is not None else resource
        return tuple(_delete(each, child) for child in children if child.deletion_timestamp is None)

    return take_down


def _below(caches: Caches, index: Index[Any], uid: str) -> Iterator[Meta]:
    """Yield what the object of that UID controls, and what of it cannot be read, too."""
    malformed = caches.of(index.view).malformed
    for path, found in caches.by(index, uid).items():
        if path not in malformed:
            yield found.metadata
    for odd in malformed.values():
        meta = odd.metadata
        if meta.controller is not None and meta.controller.uid == uid:
            yield meta


def _delete(resource: Resource, child: Meta) -> Delete:
    return writes.delete(
        writes.HasMetadata(resource, child),
        # The child may have been orphaned since.
        why=REASON,
        guarded=True,
    )


def instance(meta: Meta, found: str | None) -> tuple[Action, ...]:
    """Return what to do about a server's instance: `found` is its id, None where it is not known.

    The instance has the grace of its own template: how long to drain is content, too.
    """
    if found is None:
        return ()
    if not found:
        return (finalizers.release(Resource.SERVERS, meta),)
    return (Call(verb=Verb.DELETE, why="Deleted", instance=found),)

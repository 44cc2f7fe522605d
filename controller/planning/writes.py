"""How planners change and delete objects: each write is about the object it was planned from.

Every planner's patches and deletes are built here, so that none can miss the UID: an object that
was made anew under the same name is never touched. Whoever builds one says whether it is `guarded`,
that is, good only for the version that was seen. A list that replaces a list must be, and so must
a change that another writer may have made needless.
"""

from __future__ import annotations

from controller.api import objects, resources
from controller.api.resources import Resource
from controller.planning.plan import Delete, Manifest, Patch


def patch(
    item: objects.Object,
    body: Manifest,
    *,
    why: str,
    guarded: bool,
    subresource: str = "",
    replaces: bool = False,
) -> Patch:
    """Return the write that merges `body` into an object, or replaces its subresource by it."""
    return patch_known(
        resources.of(type(item)),
        item.metadata,
        body,
        why=why,
        guarded=guarded,
        subresource=subresource,
        replaces=replaces,
    )


def patch_known(
    resource: Resource,
    meta: objects.Meta,
    body: Manifest,
    *,
    why: str,
    guarded: bool,
    subresource: str = "",
    replaces: bool = False,
) -> Patch:
    """Return the same for an object of which no more than its metadata may be readable."""
    return Patch(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version if guarded else "",
        body=body,
        subresource=subresource,
        replaces=replaces,
        why=why,
    )


def delete(item: objects.Object, *, why: str, guarded: bool) -> Delete:
    """Return the delete of an object."""
    return delete_known(resources.of(type(item)), item.metadata, why=why, guarded=guarded)


def delete_known(resource: Resource, meta: objects.Meta, *, why: str, guarded: bool) -> Delete:
    """Return the same for an object of which no more than its metadata may be readable."""
    return Delete(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version if guarded else "",
        why=why,
    )

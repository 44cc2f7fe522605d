"""How planners make, change and delete objects: each write is about what it was planned from.

Every planner's writes are built here. A create says once of which kind its object is, in the body.
A patch or a delete cannot miss the UID: an object that was made anew under the same name is never
touched. Whoever builds one says whether it is `guarded`, that is, good only for the version that
was seen. A list that replaces a list must be, and so must a change that another writer may have
made needless.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import names, objects, resources
from controller.api.resources import Resource
from controller.planning import buckets
from controller.planning.plan import Create, Delete, DeleteClaim, Manifest, Patch


@dataclasses.dataclass(frozen=True, slots=True)
class HasMetadata:
    """An object of which no more than its metadata may be readable."""

    resource: Resource
    metadata: objects.Meta


def create(body: Manifest, *, why: str) -> Create:
    """Return the write that makes the object whose manifest `body` is."""
    return Create(
        resource=resources.named(body["apiVersion"], body["kind"]),
        body=body,
        why=why,
    )


def patch(
    item: objects.Object | HasMetadata,
    body: Manifest,
    *,
    why: str,
    guarded: bool,
    subresource: str = "",
    replaces: bool = False,
) -> Patch:
    """Return the write that merges `body` into an object, or replaces its subresource by it."""
    meta, resource = item.metadata, _resource(item)
    if body and not subresource and resources.PLACES[resource].bucketed:
        body = buckets.beside(meta, body)
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


def relabel(item: objects.Object | HasMetadata, bucket: str | None, *, why: str) -> Patch:
    """Return the write that has an object bear the label of this part of the work; None: none."""
    body = {"metadata": {"labels": {names.BUCKET_LABEL: bucket}}}
    return dataclasses.replace(patch(item, {}, why=why, guarded=True), body=body)


def delete(item: objects.Object | HasMetadata, *, why: str, guarded: bool) -> Delete:
    """Return the delete of an object."""
    meta = item.metadata
    return Delete(
        resource=_resource(item),
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version if guarded else "",
        why=why,
    )


def delete_claim(
    claim: contract.Claim, namespace: str, *, fleet: str, why: str
) -> Delete | DeleteClaim:
    """Return what deletes a claim of a server of a fleet, with its data."""
    if claim.resource is None:
        return DeleteClaim(claim=claim, fleet=fleet, why=why)
    meta = objects.Meta(namespace=namespace, name=claim.name, uid=claim.id)
    return delete(HasMetadata(claim.resource, meta), why=why, guarded=False)


def _resource(item: objects.Object | HasMetadata) -> Resource:
    return item.resource if isinstance(item, HasMetadata) else resources.of(type(item))

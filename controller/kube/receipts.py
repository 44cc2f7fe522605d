"""The receipt of a write, for whoever must wait until caches show it.

Providers return these; `execution` parks the written key until its informers have caught up.
"""

from __future__ import annotations

import dataclasses

from controller.api import objects
from controller.api.resources import Resource
from controller.kube import slots


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WriteReceipt:
    """One version that the API server answered to a write of ours.

    `resource_version` is 0 where the answer had none. `gone` says that a delete was accepted: the
    uid must be seen terminating, or not at all. `ended` says that it lost its last finalizer on its
    way out: the uid must not be seen any more.
    """

    resource: Resource
    namespace: str
    name: str
    uid: str
    resource_version: int = 0
    # By which slot's watch it is told, where its resource is followed by slot: as its labels say.
    slot: int | None = None
    gone: bool = False
    ended: bool = False


def of(resource: Resource, found: objects.Object) -> WriteReceipt:
    """Return the receipt of an object that is as it was read."""
    meta = found.metadata
    return WriteReceipt(
        resource=resource,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=int(meta.resource_version or 0),
        slot=slots.labelled(meta.labels),
    )

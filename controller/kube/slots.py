"""Which slot an application is in: the smallest part of the work that passes between replicas.

An application is never divided, as its budget is kept among its own keys. `members` keeps a Lease
for each slot, `execution.sharing` asks which one a key is of, `scope` what to watch of one.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.api import names, resources
from controller.api.resources import Resource

# Each slot is so many buckets: the label on objects is a bucket, and slots can be cut anew.
SLOTS = 64
_EACH = names.BUCKETS // SLOTS
_PREFIX = "argosy-slot-"
# The values of the label, and the slot that each is in.
_BY_LABEL = {str(bucket): bucket // _EACH for bucket in range(names.BUCKETS)}


def of(namespace: str, application: str) -> int:
    """Return the slot of an application."""
    return of_bucket(names.bucket(namespace, application))


def of_bucket(bucket: int) -> int:
    """Return the slot that a bucket is in."""
    return bucket // _EACH


def labelled(labels: Mapping[str, str]) -> int | None:
    """Return the slot that an object says it is of, None where it says none that there is.

    By this it is known who watches the object. Whose it is, its name says: see `of`.
    """
    return _BY_LABEL.get(labels.get(names.BUCKET_LABEL, ""))


def selector(slot: int | None) -> str:
    """Return the label selector of what says that it is of a slot, or of none that there is.

    The only place that knows: a sharded watch of Kubernetes' own may take its place.
    """
    if slot is None:
        return f"{names.BUCKET_LABEL} notin ({','.join(_BY_LABEL)})"
    found = (each for each, of_slot in _BY_LABEL.items() if of_slot == slot)
    return f"{names.BUCKET_LABEL} in ({','.join(found)})"


def lease(slot: int) -> str:
    """Return the name of the Lease that says who has a slot."""
    return f"{_PREFIX}{slot:02}"


def reference(slot: int) -> str:
    """Return that Lease as statuses name objects, such as `Lease/argosy-slot-07`."""
    return resources.thing(Resource.LEASES, lease(slot))


LEASES = {lease(slot): slot for slot in range(SLOTS)}

"""Which slot an application is in: the smallest part of the work that passes between replicas.

An application is never divided, as its budget is kept among its own keys. `members` keeps a Lease
for each slot, `execution.sharing` asks which one a key is of.
"""

from __future__ import annotations

from controller.api import names
from controller.api.resources import PLACES, Resource

# Each slot is so many buckets: the label on objects is a bucket, and slots can be cut anew.
SLOTS = 64
_EACH = names.BUCKETS // SLOTS
_PREFIX = "argosy-slot-"


def of(namespace: str, application: str) -> int:
    """Return the slot of an application."""
    return names.bucket(namespace, application) // _EACH


def lease(slot: int) -> str:
    """Return the name of the Lease that says who has a slot."""
    return f"{_PREFIX}{slot:02}"


def reference(slot: int) -> str:
    """Return that Lease as statuses name objects, such as `Lease/argosy-slot-07`."""
    return f"{PLACES[Resource.LEASES].kind}/{lease(slot)}"


LEASES = {lease(slot): slot for slot in range(SLOTS)}

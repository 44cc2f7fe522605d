"""Which slot an application is in: the smallest part of the work that passes between replicas.

An application is never divided, as its budget is kept among its own keys. `members` keeps a Lease
for each slot, `execution.sharing` asks which one a key is of.
"""

from __future__ import annotations

import functools
import hashlib

from controller.api.resources import PLACES, Resource

# Each slot is so many buckets: what may one day be a label is a bucket, and slots can be cut anew.
BUCKETS, SLOTS = 256, 64
_EACH = BUCKETS // SLOTS
_PREFIX = "argosy-slot-"


@functools.lru_cache(maxsize=65_536)
def bucket(namespace: str, application: str) -> int:
    """Return the bucket of an application, the same in every process and every version."""
    return hashlib.sha256(f"{namespace}/{application}".encode()).digest()[-1] % BUCKETS


def of(namespace: str, application: str) -> int:
    """Return the slot of an application."""
    return bucket(namespace, application) // _EACH


def lease(slot: int) -> str:
    """Return the name of the Lease that says who has a slot."""
    return f"{_PREFIX}{slot:02}"


def reference(slot: int) -> str:
    """Return that Lease as statuses name objects, such as `Lease/argosy-slot-07`."""
    return f"{PLACES[Resource.LEASES].kind}/{lease(slot)}"


LEASES = {lease(slot): slot for slot in range(SLOTS)}

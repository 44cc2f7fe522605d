"""The record of instances that were given up: a list in their Fleet's status.

Whoever gives one up adds it, and the Fleet planner takes out what is gone. Both write the whole
list, onto the very version of the Fleet that they read it from: of two at once, one reads again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from controller.api import objects
from controller.planning import plan, writes

# As many as status may hold; a server whose orphan finds no place is not let go until one does.
MOST = 100


def write(fleet: objects.Fleet, orphans: Sequence[objects.Orphan], *, why: str) -> plan.Patch:
    """Return the write that makes `orphans` the record of the Fleet as it was read."""
    return writes.patch(
        fleet,
        subresource="status",
        body={"status": {"orphans": msgspec.to_builtins(orphans)}},
        why=why,
        guarded=True,
    )

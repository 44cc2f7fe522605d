"""Instances that a fleet has let go of: on its record, and in nobody's way any more.

Providers without unique names ask here: what was abandoned as `onTimeout` says is no Server's,
so another may be made while it may still run. The Fleet planner has it collected once it is back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.api import objects
from controller.api.resources import Resource

if TYPE_CHECKING:
    from controller.contract.kind import Context


def now(context: Context, fleet: objects.Fleet) -> objects.Fleet:
    """Return a Fleet as it is seen now; as its provider was opened for, where that is not seen.

    Neither its record nor its limits open another provider.
    """
    fleets = context.informers.get(Resource.FLEETS)
    found: objects.Fleet | None = (
        fleets.objects.get(("", fleet.metadata.name)) if fleets is not None else None
    )
    return found if found is not None else fleet


def ids(context: Context, fleet: objects.Fleet) -> frozenset[str]:
    """Return the ids of what is on the record of a Fleet as let go of."""
    return frozenset(each.id for each in now(context, fleet).status.orphans)

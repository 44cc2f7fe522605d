"""What a fleet says of itself, and what becomes of instances that were abandoned.

Called by `execution` for each Fleet key. An orphan is on record from when it is abandoned until
its provider says that it is gone; one that comes back is torn down.
"""

from __future__ import annotations

import msgspec

from controller.api import conditions, objects
from controller.api.reasons import Reason
from controller.planning import plan as plans
from controller.planning import snapshot

# As many as status may hold; a server whose orphan finds no place is not let go until one does.
MAX_ORPHANS = 100
# How often orphans are looked for: no cache tells of what is no server's any more.
LOOK_AGAIN = 30.0


def plan(look: snapshot.FleetSnapshot) -> plans.Plan:
    """Return the fleet's status, and the orphans to collect."""
    if look.fleet.metadata.deletion_timestamp is not None:
        return plans.Plan(notes=("The fleet is being deleted.",))
    orphans = _orphans(look)
    status = msgspec.structs.replace(
        look.fleet.status,
        observed_generation=look.fleet.metadata.generation,
        conditions=_conditions(look),
        servers=look.servers,
        circuit=look.circuit,
        orphans=orphans,
    )
    collected = tuple(
        plans.Collect(instance=each.id, server=each.server, reason="Returned")
        for each in orphans
        if each.id in look.returned
    )
    return plans.Plan(
        actions=collected,
        status=status if status != look.fleet.status else None,
        settled=_pressing(look.fleet.status, status),
        wake_after=LOOK_AGAIN if orphans else None,
        notes=(f"{look.servers} servers, {len(orphans)} orphans.",),
    )


def _orphans(look: snapshot.FleetSnapshot) -> tuple[objects.Orphan, ...]:
    known = {each.id: each for each in look.fleet.status.orphans if each.id not in look.gone}
    for each in look.orphans:
        if each.id not in look.gone and len(known) < MAX_ORPHANS:
            known.setdefault(each.id, each)
    return tuple(known.values())


def _conditions(look: snapshot.FleetSnapshot) -> conditions.Conditions:
    provider = look.fleet.spec.provider
    if not look.known_provider:
        reason: str = Reason.UNKNOWN_FLEET
        message = f"This operator has no provider {provider}."
    elif look.circuit == "Closed":
        reason, message = Reason.AVAILABLE, "Servers can be made."
    else:
        reason, message = Reason.CIRCUIT_OPEN, "Many calls failed: new ones wait for a while."
    return conditions.summarise(
        before=look.fleet.status.conditions,
        ready=look.known_provider and look.circuit == "Closed",
        reconciling=look.known_provider and look.circuit != "Closed",
        stalled=not look.known_provider,
        reason=reason,
        message=message,
        generation=look.fleet.metadata.generation,
        now=look.now,
    )


def _pressing(before: objects.FleetStatus, after: objects.FleetStatus) -> bool:
    """How many there are may be told a little later; whether there are any, and all else, is not.

    A fleet that has servers cannot be deleted.
    """
    if bool(before.servers) != bool(after.servers):
        return True
    return msgspec.structs.replace(before, servers=after.servers) != after

"""The kind Fleet, as the engine knows it."""

from __future__ import annotations

from controller.api import objects
from controller.kinds.fleet import wakes
from controller.kinds.fleet.gather import gather
from controller.kinds.fleet.planner import plan
from controller.kinds.fleet.reasons import FleetReason
from controller.kinds.fleet.rights import RIGHTS
from controller.kinds.fleet.servers import FleetServers
from controller.kinds.fleet.snapshot import FleetSnapshot
from controller.kinds.fleet.unclaimed_sightings import UnclaimedSightings
from controller.kinds.kind import Kind
from controller.planning import bare_teardown, relations


def _flow(fleet: objects.Fleet) -> tuple[str, str]:
    return "", fleet.metadata.name


def _weight(snapshot: FleetSnapshot) -> int:
    return snapshot.servers


FLEET: Kind[objects.Fleet, FleetSnapshot] = Kind(
    view=objects.Fleet,
    gather=gather,
    plan=plan,
    follows={objects.Fleet: wakes.by_itself, objects.Server: wakes.by_server},
    bare_teardown=bare_teardown.after(None, objects.Fleet),
    flow=_flow,
    weight=_weight,
    seen_by=lambda fleet: fleet.metadata.name,
    indexes=(relations.SERVERS_BY_FLEET,),
    keepers=(UnclaimedSightings, FleetServers),
    reasons=(FleetReason,),
    rights=RIGHTS,
    counts=FleetServers,
)

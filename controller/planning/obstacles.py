"""Why nothing may be made or changed below an object, whatever its servers need.

An ordered list of small checks; the first that finds something answers. Called by the ServerSet
planner before it decides anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from controller.api import clock
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.planning import refusals, remedies, snapshot
from controller.planning.manifests import owned_by


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why nothing is done, and whether that lasts until a person changes something."""

    reason: str
    message: str
    stalled: bool = False
    blocked: tuple[Blocked, ...] = ()


Check = Callable[[snapshot.ServerSetSnapshot], Obstacle | None]


def find(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    """Return what keeps the set from making or changing anything, if something does."""
    return next((found for check in CHECKS if (found := check(given))), None)


def fleet_problem(fleet: snapshot.FleetFacts, now: float) -> Obstacle | None:
    """Return the obstacle of a fleet that cannot be used."""
    if not fleet.problem:
        return None
    blocked = Blocked(
        object=f"Fleet/{fleet.name}",
        reason=fleet.problem,
        message=fleet.message,
        since=clock.stamp(now),
        remedy=remedies.fleet(fleet),
    )
    message = fleet.message or f"The fleet {fleet.name} cannot be used."
    return Obstacle(reason=fleet.problem, message=message, stalled=True, blocked=(blocked,))


def _namespace(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    if not given.namespace_terminating:
        return None
    return Obstacle(reason=Reason.NAMESPACE_TERMINATING, message="The namespace is being deleted.")


def _orphaned(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    if given.application is not None:
        return None
    spec = given.server_set.spec
    message = f"No application controls this set: {spec.application} is gone or let go of it."
    blocked = Blocked(
        object=f"Application/{spec.application}",
        reason=Reason.ORPHANED,
        message=message,
        since=clock.stamp(given.now),
        remedy=remedies.delete("argset", given.server_set),
    )
    return Obstacle(reason=Reason.ORPHANED, message=message, stalled=True, blocked=(blocked,))


def _application_deleting(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    application = given.application
    if application is None or application.metadata.deletion_timestamp is None:
        return None
    return Obstacle(
        reason=Reason.DELETING,
        message="The application is being deleted; this set waits for its turn.",
    )


def _paused(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    application = given.application
    if application is None or not application.spec.paused:
        return None
    return Obstacle(reason=Reason.PAUSED, message="The application is paused.")


def _fleet(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    return fleet_problem(given.fleet, given.now)


def _service(given: snapshot.ServerSetSnapshot) -> Obstacle | None:
    """Servers that cannot be found by their names in DNS would be of no use."""
    if snapshot.Capability.DNS not in given.fleet.capabilities:
        return None
    meta = given.server_set.metadata
    standing = refusals.of(given.refusals)
    taken = given.service is not None and not owned_by(given.service, given.server_set)
    # One that is there and was refused to be mended is told, and stands in nobody's way.
    refused = given.service is None and standing.has(Resource.SERVICES, meta.name)
    if not taken and not refused:
        return None
    told = [
        each for each in standing.blocked(meta.namespace, given.now) if "Service/" in each.object
    ]
    message = f"services/{meta.name} exists and belongs to something else"
    blocked = (
        told[0]
        if told
        else Blocked(
            object=f"Service/{meta.name}",
            reason=Reason.NAME_TAKEN,
            message=message,
            since=clock.stamp(given.now),
            remedy=remedies.show("services", meta.name, meta.namespace),
        )
    )
    return Obstacle(
        reason=blocked.reason, message=blocked.message, stalled=True, blocked=(blocked,)
    )


CHECKS: tuple[Check, ...] = (
    _namespace,
    # An application on its way out takes everything with it, so it is told before all else.
    _application_deleting,
    _orphaned,
    _paused,
    _fleet,
    _service,
)

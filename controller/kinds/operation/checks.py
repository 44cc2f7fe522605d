"""Why nothing new begins in an operation: somebody wants it to rest, or it cannot act.

An operation that rests is paused, and its clock stands still; one that is hindered waits for its
turn. Asked by the Operation planner, in that order.
"""

from __future__ import annotations

from controller.api import clock
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import obstacles, remedies
from controller.planning.obstacles import Check, Obstacle


def rest(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return why the operation rests, if it does: servers at work finish."""
    return obstacles.first(snapshot, RESTS)


def hindrance(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return what keeps the operation from acting on any server, if something does."""
    return obstacles.first(snapshot, HINDRANCES)


def _paused(snapshot: OperationSnapshot) -> Obstacle | None:
    operation = snapshot.operation
    if not operation.spec.paused:
        return None
    message = "The operation is paused."
    blocked = Blocked(
        object=f"Operation/{operation.metadata.name}",
        reason=Reason.PAUSED,
        message=message,
        since=clock.stamp(snapshot.now),
        remedy=remedies.resume(operation),
    )
    return Obstacle(reason=Reason.PAUSED, message=message, asked=True, blocked=(blocked,))


def _moving(snapshot: OperationSnapshot) -> Obstacle | None:
    if not snapshot.moving:
        return None
    message = "The application passes to another replica once acts under way have ended."
    blocked = Blocked(
        object=snapshot.moving,
        reason=OperationReason.MOVING,
        message=message,
        since=clock.stamp(snapshot.now),
    )
    return Obstacle(
        reason=OperationReason.MOVING, message=message, passing=True, blocked=(blocked,)
    )


def _outage(snapshot: OperationSnapshot) -> Obstacle | None:
    """Calls that fail for long: a short pause of the fleet is waited for by each call."""
    return obstacles.fleet_pause(snapshot) if snapshot.fleet.outage.lasts else None


def _no_application(snapshot: OperationSnapshot) -> Obstacle | None:
    if snapshot.application is not None:
        return None
    name, namespace = snapshot.operation.spec.application, snapshot.operation.metadata.namespace
    message = f"There is no application {name}."
    blocked = Blocked(
        object=f"Application/{name}",
        reason=Reason.NOT_FOUND,
        message=message,
        since=clock.stamp(snapshot.now),
        remedy=remedies.applications(namespace),
    )
    return Obstacle(reason=Reason.NOT_FOUND, message=message, blocked=(blocked,))


# The first that finds something is told: what a person asked for before what passes by itself.
RESTS: tuple[Check[OperationSnapshot], ...] = (
    # Somebody wants this one to rest.
    _paused,
    # Or all of its application.
    obstacles.resting,
    # Another replica is to go on with it.
    _moving,
    # Whatever it asked for would fail.
    _outage,
)

HINDRANCES: tuple[Check[OperationSnapshot], ...] = (
    # Applied beside its application, it may be seen first.
    _no_application,
    # What its servers are made by is missing or not allowed.
    obstacles.fleet_problem,
)

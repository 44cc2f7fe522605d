"""Why an operation ends early, rests, or does nothing yet: lists of small checks.

The first of a list that finds something answers. One that rests is paused, and its clock stands
still; one that is hindered waits for its turn. Asked by the Operation planner, in that order.
"""

from __future__ import annotations

from controller.api import conditions
from controller.api.conditions import Blocked
from controller.api.reasons import Reason
from controller.contract import tasks
from controller.kinds.operation import power, presence, retention, steps
from controller.kinds.operation.reasons import OperationReason
from controller.kinds.operation.snapshot import OperationSnapshot
from controller.planning import obstacles, remedies
from controller.planning.obstacles import Check, Obstacle


def ending(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return what has taken all that the operation could act on, if something has."""
    return obstacles.first(snapshot, ENDINGS)


def rest(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return why the operation rests, if it does: servers at work finish."""
    return obstacles.first(snapshot, RESTS)


def hindrance(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return what keeps the operation from acting on any server, if something does."""
    return obstacles.first(snapshot, HINDRANCES)


def start(snapshot: OperationSnapshot) -> Obstacle | None:
    """Return why the operation does not begin though it is its turn, or that it never can."""
    return obstacles.first(snapshot, STARTS)


def _application_gone(snapshot: OperationSnapshot) -> Obstacle | None:
    """There was an application; one that is not there yet may still come."""
    begun = snapshot.operation.status.start_time is not None
    return obstacles.application_gone(snapshot) if begun else None


def _paused(snapshot: OperationSnapshot) -> Obstacle | None:
    operation = snapshot.operation
    if not operation.spec.paused:
        return None
    return obstacles.by(
        f"Operation/{operation.metadata.name}",
        Reason.PAUSED,
        "The operation is paused.",
        now=snapshot.now,
        remedy=remedies.resume(operation),
    )


def _moving(snapshot: OperationSnapshot) -> Obstacle | None:
    if not snapshot.moving:
        return None
    return obstacles.by(
        snapshot.moving,
        OperationReason.MOVING,
        "The application passes to another replica once acts under way have ended.",
        now=snapshot.now,
    )


def _outage(snapshot: OperationSnapshot) -> Obstacle | None:
    """Calls that fail for long: a short pause of the fleet is waited for by each call."""
    return obstacles.fleet_pause(snapshot) if snapshot.fleet.outage.lasts else None


def _no_application(snapshot: OperationSnapshot) -> Obstacle | None:
    if snapshot.application is not None:
        return None
    name, namespace = snapshot.operation.spec.application, snapshot.operation.metadata.namespace
    return obstacles.by(
        f"Application/{name}",
        Reason.NOT_FOUND,
        f"There is no application {name}.",
        now=snapshot.now,
        remedy=remedies.applications(namespace),
    )


def _awaited(snapshot: OperationSnapshot) -> Obstacle | None:
    return _waits(presence.awaited(snapshot))


def _without_room(snapshot: OperationSnapshot) -> Obstacle | None:
    return _waits(retention.without_room(snapshot))


def _waits(blocked: tuple[Blocked, ...]) -> Obstacle | None:
    if not blocked:
        return None
    return Obstacle(reason=Reason.WAITING, message=blocked[0].message, blocked=blocked)


def _nothing_targeted(snapshot: OperationSnapshot) -> Obstacle | None:
    nothing = presence.nothing_targeted(snapshot)
    if not nothing:
        return None
    return _fails(conditions.because(OperationReason.NOTHING_TARGETED, nothing))


def _too_many_stopped(snapshot: OperationSnapshot) -> Obstacle | None:
    full = power.without_room(snapshot)
    if not full:
        return None
    return _fails(f"ServerSet {full} cannot remember so many separate stopped servers.")


def _unsupported(snapshot: OperationSnapshot) -> Obstacle | None:
    """The fleet's provider cannot do some of the acts: better none than some."""
    acts = (
        act.name
        for each in steps.of(snapshot.operation)
        for act in (each.act, each.compensation)
        if act is not None
    )
    unsupported = tasks.unsupported(snapshot.fleet, acts)
    return _fails(unsupported) if unsupported else None


def _too_long(snapshot: OperationSnapshot) -> Obstacle | None:
    name = steps.too_long(snapshot.operation)
    if not name:
        return None
    return _fails(
        f"Step {name} may have {steps.MOST_CHARACTERS} characters with its parameters in place, and"
        " has more."
    )


def _fails(message: str) -> Obstacle:
    return Obstacle(reason=Reason.FAILED, message=message, ends=True)


# Endings that take an operation's servers away, whatever else is so.
ENDINGS: tuple[Check[OperationSnapshot], ...] = (
    # All at once.
    obstacles.namespace,
    # The application was there when the operation began, and has gone since.
    _application_gone,
    # The application goes, and its servers with it.
    obstacles.application_deleting,
)

# A rest that a person asked for is told before one that passes by itself.
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

# An application that is missing altogether is told before whatever is wrong with it.
HINDRANCES: tuple[Check[OperationSnapshot], ...] = (
    # Applied beside its application, it may be seen first.
    _no_application,
    # The fleet that makes the servers is missing or not allowed.
    obstacles.fleet_problem,
)

# Servers that may yet come are waited for before anything is found to be missing.
STARTS: tuple[Check[OperationSnapshot], ...] = (
    # Servers that are still to be made belong to those that it acts on.
    _awaited,
    # Others' checkpoints would have to go to make room for its own.
    _without_room,
    # All that will be there is there, and none of it is meant.
    _nothing_targeted,
    # Their sets could not say later which of them are down.
    _too_many_stopped,
    # The servers that the operation acts on are known by now.
    _unsupported,
    # Last: nothing of a step is made before it is known to be of a bearable size.
    _too_long,
)

"""Why nothing may be made or changed below an object, whatever its servers need.

Called by kinds' planners before they decide anything, and where a fleet's trouble is told.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import clock, resources
from controller.api.conditions import Blocked
from controller.api.resources import Resource
from controller.planning import plan, remedies


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why nothing is done: until a person changes something (`stalled`), or until that passes."""

    reason: str
    message: str
    stalled: bool = False
    passing: bool = False
    blocked: tuple[Blocked, ...] = ()
    # What is tried all the same, since it may end the obstacle.
    tries: tuple[plan.Action, ...] = ()


def fleet_problem(fleet: contract.FleetFacts, now: float) -> Obstacle | None:
    """Return the obstacle of a fleet that cannot be used."""
    if not fleet.problem:
        return None
    blocked = Blocked(
        object=resources.thing(Resource.FLEETS, fleet.name),
        reason=fleet.problem,
        message=fleet.message,
        since=clock.stamp(now),
        remedy=remedies.fleet(fleet),
    )
    message = fleet.message or f"The fleet {fleet.name} cannot be used."
    return Obstacle(reason=fleet.problem, message=message, stalled=True, blocked=(blocked,))


def fleet_pause(fleet: contract.FleetFacts, now: float) -> Obstacle | None:
    """Return the obstacle of a fleet that is not to be called for now."""
    pause = fleet.pause
    if pause is None:
        return None
    return Obstacle(
        reason=pause.reason,
        message=pause.message,
        passing=True,
        blocked=(paused(fleet, pause, now),),
    )


def paused(fleet: contract.FleetFacts, pause: contract.Pause, now: float) -> Blocked:
    """Return what is told of a fleet that is not to be called for now."""
    near = pause.namespace
    return Blocked(
        object=resources.thing(
            Resource.NAMESPACES if near else Resource.FLEETS, near or fleet.name
        ),
        reason=pause.reason,
        message=pause.message,
        since=clock.stamp(now),
        next_attempt_time=clock.stamp(pause.until) if pause.until else None,
        remedy=remedies.webhooks() if near else remedies.fleet(fleet),
    )

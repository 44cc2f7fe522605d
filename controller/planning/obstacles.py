"""Why nothing may be made or changed below an object, whatever its servers need.

An ordered list of small checks; the first that finds something answers. Called by the ServerSet
planner before it decides anything.
"""

from __future__ import annotations

import dataclasses

from controller import contract
from controller.api import clock
from controller.api.conditions import Blocked
from controller.planning import remedies


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why nothing is done, and whether that lasts until a person changes something."""

    reason: str
    message: str
    stalled: bool = False
    blocked: tuple[Blocked, ...] = ()


def fleet_problem(fleet: contract.FleetFacts, now: float) -> Obstacle | None:
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
